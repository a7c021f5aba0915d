package org.llminspector.spec;

/**
 * Per-layer embeddings (Gemma 3n, 4): a token's own small input to every layer, which a gate of the stream multiplies
 * and a projection adds to the stream after the MLP.
 *
 * <p>{@code input = (norm(project(embedding) / sqrt(d_model)) + table[token] sqrt(width)) / sqrt(2)}, {@code width}
 * numbers for each layer; {@code out = norm(out(act(gate(x)) * input))}.
 *
 * @param width numbers of a token for one layer (config {@code hidden_size_per_layer_input})
 * @param vocab rows of the table (config {@code vocab_size_per_layer_input}); a token beyond them reads row 0
 * @param activation of the gate
 * @param norm of the projection, and of what is added
 */
public record LayerInputs(int width, int vocab, Activation activation, Norm norm) {}
