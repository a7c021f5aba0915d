package org.llminspector.spec;

/**
 * The half of a block in which a position reads others: attention, a short convolution, a recurrence, or attention
 * beside a recurrence.
 */
public sealed interface Mixer permits Attention, ShortConv, Recurrent, LayerSpec.Both {}
