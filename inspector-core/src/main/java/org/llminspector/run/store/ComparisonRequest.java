package org.llminspector.run.store;

import java.util.List;
import org.llminspector.base.Built;

/**
 * ComparisonRequest is two runs to be compared, and the text to compare them over. Null means the default that is named
 * here.
 *
 * @param a the reference side; its {@code capture}, {@code generate} and {@code name} are not used
 * @param b the other side; its model and device default to A's, and with neither prompt nor tokens it reads A's tokens
 * @param text what perplexity and KL divergence are measured over, or null: over the prompt only
 * @param textTokens ids instead of a text
 * @param options how to compare
 * @param sensitivity what to ask of modules one at a time, or null: nothing
 * @param name a label for people
 */
@Built
public record ComparisonRequest(
        RunRequest a,
        RunRequest b,
        String text,
        List<Integer> textTokens,
        Options options,
        SensitivityRequest sensitivity,
        String name) {

    /**
     * @param hooks names or globs of what is compared over the prompt (every hook but hook_result)
     * @param split whether errors of modules are split into made and inherited (true)
     * @param top most probable tokens a side that are listed and whose overlap is counted (10)
     * @param window positions a pass over the text (512, or what context and budget allow)
     * @param stride tokens from one window to the next: each is scored with at least window - stride of context
     *     (half the window)
     * @param cost whether speed and memory are measured (true)
     * @param decodeTokens tokens made to measure decoding (16)
     * @param repeats measurements a side, in turns; their median counts (3)
     * @param floor what A is compared with to see how far it lies from itself (batches)
     * @param factor how many times the noise floor an error must be that is called bad (10)
     * @param windows how a text is cut and what of it is scored (every token)
     * @param costLengths cost is measured after prompts of these lengths too, positions (none)
     */
    public record Options(
            List<String> hooks,
            Boolean split,
            Integer top,
            Integer window,
            Integer stride,
            Boolean cost,
            Integer decodeTokens,
            Integer repeats,
            Floor floor,
            Double factor,
            Windows windows,
            List<Integer> costLengths) {

        public static final Options DEFAULT = new Options(null, null, null, null, null, null, null, null);

        /** With the noise floor and the factor that are usual. */
        public Options(
                List<String> hooks,
                Boolean split,
                Integer top,
                Integer window,
                Integer stride,
                Boolean cost,
                Integer decodeTokens,
                Integer repeats) {
            this(hooks, split, top, window, stride, cost, decodeTokens, repeats, null, null, null, null);
        }
    }

    /** How a text is cut into passes, and what of it is scored. */
    public enum Windows {
        /** Overlapping windows, so that every token is scored once. */
        EVERY_TOKEN,
        /**
         * As {@code llama-perplexity --kl-divergence} does: chunks of {@code window} tokens, the first replaced by BOS where the
         * tokenizer adds one, the second half scored, A's log-probabilities rounded to the 16 bits of its file.
         */
        LLAMA_CPP
    }

    /** What A is compared with to see how far it lies from itself. */
    public enum Floor {
        /** A once more, its tokens read in pieces of a half, a quarter, an eighth and so on of them. */
        BATCHES,
        /** A on the other engine: onnx for torch, torch for onnx. */
        ENGINE,
        /** Nothing: the last bit of a float32 is the floor. */
        NONE
    }
}
