package org.llminspector.run.request;

import java.util.List;
import java.util.Map;
import org.llminspector.base.Built;

/**
 * Request to compare two runs, over a prompt, a text, a corpus, or several of them. Null means the default named here.
 *
 * @param a the reference side; its {@code capture}, {@code generate} and {@code name} are not used
 * @param b the other side; its model and device default to A's, and with neither prompt nor tokens it reads A's tokens
 * @param text text for perplexity and KL divergence; null for the prompt only
 * @param textTokens ids instead of a text
 * @param corpus texts over whose documents the divergence and its intervals are taken; null for none. With neither prompt
 *     nor text both sides read its first window as their prompt. {@code options.window} is for it too (128)
 * @param options how to compare
 * @param sensitivity per-module sensitivity, or null for none
 * @param name label
 */
@Built
public record ComparisonRequest(
        RunRequest a,
        RunRequest b,
        String text,
        List<Integer> textTokens,
        SweepRequest.Texts corpus,
        Options options,
        SensitivityRequest sensitivity,
        String name) {

    /** Without a corpus. */
    public ComparisonRequest(
            RunRequest a,
            RunRequest b,
            String text,
            List<Integer> textTokens,
            Options options,
            SensitivityRequest sensitivity,
            String name) {
        this(a, b, text, textTokens, null, options, sensitivity, name);
    }

    /**
     * @param hooks names or globs of hooks compared over the prompt (every hook but hook_result)
     * @param split whether module errors are split into local and inherited (true)
     * @param top most probable tokens per side that are listed and whose overlap is counted (10)
     * @param window positions per pass over the text (512, or what context and budget allow)
     * @param stride tokens from one window to the next: each is scored with at least window - stride of context (half
     *     the window)
     * @param cost whether speed and memory are measured (true)
     * @param decodeTokens tokens generated to measure decoding (16)
     * @param repeats measurements per side, alternating; their median counts (3)
     * @param floor how A's noise floor is measured (batches)
     * @param factor multiple of the noise floor above which an error is called bad (10)
     * @param windows how a text is cut and which tokens are scored (every token)
     * @param costLengths further prompt lengths for the cost measurement, positions (none)
     * @param continueTokens tokens by which both sides continue the prompt, each its most probable (32; what the context leaves)
     * @param bounds of the verdict, by the measure's name, in place of its defaults (none)
     */
    @Built
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
            List<Integer> costLengths,
            Integer continueTokens,
            Map<String, Bound> bounds) {

        public static final Options DEFAULT = new Options(null, null, null, null, null, null, null, null);

        /** With the default noise floor and factor. */
        public Options(
                List<String> hooks,
                Boolean split,
                Integer top,
                Integer window,
                Integer stride,
                Boolean cost,
                Integer decodeTokens,
                Integer repeats) {
            this(hooks, split, top, window, stride, cost, decodeTokens, repeats, null, null, null, null, null, null);
        }
    }

    /**
     * Bounds of one measure of the verdict. Null means the measure's default.
     *
     * @param look past which a person should look
     * @param broken past which B is no replacement for A
     */
    public record Bound(Double look, Double broken) {}

    /** How a text is cut into passes, and which tokens are scored. */
    public enum Windows {
        /** Overlapping windows; every token is scored once. */
        EVERY_TOKEN,
        /**
         * As {@code llama-perplexity --kl-divergence} does: chunks of {@code window} tokens, the first replaced by BOS
         * where the tokenizer adds one, the second half scored, A's log-probabilities rounded to the 16 bits of its
         * file.
         */
        LLAMA_CPP
    }

    /** Second pass of A for the noise floor. */
    public enum Floor {
        /** A, with its tokens read in pieces of a half, a quarter, an eighth and so on of them. */
        BATCHES,
        /** A on the other engine: onnx for torch, torch for onnx. */
        ENGINE,
        /** None: the last bit of a float32 is the floor. */
        NONE
    }
}
