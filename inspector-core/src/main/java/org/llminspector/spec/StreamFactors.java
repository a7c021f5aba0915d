package org.llminspector.spec;

/**
 * Factors where a layer's parts are added to the stream: {@code mid = a x + b mixer(x); post = c y + d mlp(y)}
 * (MiniMax).
 *
 * @param mixedStream a (config {@code full_attn_alpha_factor}, {@code linear_attn_alpha_factor})
 * @param mixed b
 * @param fedStream c (config {@code mlp_alpha_factor})
 * @param fed d
 */
public record StreamFactors(float mixedStream, float mixed, float fedStream, float fed) {}
