package org.llminspector.spec;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.util.List;

/**
 * Rotary position embedding (Su et al. 2021): pair i of a head is rotated by position * frequency i.
 *
 * <p>Pairs are (i, i + dims/2), the "half" layout of Hugging Face; other layouts are permuted at load. {@link
 * RopeFrequencies} computes the frequencies.
 *
 * @param dims how many of the head's dimensions are rotated (partial rotary), as the frequencies count them
 * @param theta base of the frequencies (config {@code rope_theta})
 * @param scaling scaling of the frequencies for longer contexts
 */
public record Rope(int dims, double theta, Scaling scaling) {

    /** How many dimensions are actually rotated: an odd number is rounded up to whole pairs, as in the reference. */
    public int rotaryDims() {
        return dims + dims % 2;
    }

    /**
     * RoPE scaling, from the config's {@code rope_scaling} or {@code rope_parameters}; {@code kind} in JSON is their
     * rope_type.
     */
    @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "kind")
    @JsonSubTypes({
        @JsonSubTypes.Type(value = Default.class, name = "default"),
        @JsonSubTypes.Type(value = Linear.class, name = "linear"),
        @JsonSubTypes.Type(value = Dynamic.class, name = "dynamic"),
        @JsonSubTypes.Type(value = Yarn.class, name = "yarn"),
        @JsonSubTypes.Type(value = Llama3.class, name = "llama3"),
        @JsonSubTypes.Type(value = LongRope.class, name = "longrope"),
        @JsonSubTypes.Type(value = Proportional.class, name = "proportional")
    })
    public sealed interface Scaling {}

    /** No scaling. */
    public record Default() implements Scaling {}

    /** All frequencies divided by factor. */
    public record Linear(double factor) implements Scaling {}

    /** NTK-aware: theta grows once the sequence is longer than maxContext positions. */
    public record Dynamic(double factor, int maxContext) implements Scaling {}

    /** YaRN (Peng et al. 2023): low frequencies interpolated, high ones kept, cos and sin scaled by attentionFactor. */
    public record Yarn(
            double factor,
            int originalContext,
            double betaFast,
            double betaSlow,
            double attentionFactor,
            boolean truncate)
            implements Scaling {}

    /** Llama 3.1: low frequencies divided by factor, high ones kept, interpolated between. */
    public record Llama3(double factor, double lowFreqFactor, double highFreqFactor, int originalContext)
            implements Scaling {}

    /** Only the first {@code share} of the pairs turn (Gemma 4); all frequencies divided by factor. */
    public record Proportional(double share, double factor) implements Scaling {}

    /** LongRoPE (Ding et al. 2024): a divisor per frequency, in one list for short and one for long sequences. */
    public record LongRope(
            List<Double> shortFactor, List<Double> longFactor, int originalContext, double attentionFactor)
            implements Scaling {
        public LongRope {
            shortFactor = List.copyOf(shortFactor);
            longFactor = List.copyOf(longFactor);
        }
    }
}
