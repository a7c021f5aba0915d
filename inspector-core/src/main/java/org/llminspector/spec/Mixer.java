package org.llminspector.spec;

/** The half of a block in which a position reads others: attention or a short convolution. */
public sealed interface Mixer permits Attention, ShortConv {}
