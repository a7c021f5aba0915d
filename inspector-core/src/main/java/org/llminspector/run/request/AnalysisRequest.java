package org.llminspector.run.request;

import java.util.List;
import org.llminspector.base.Built;

/**
 * Request for an analysis. Those of causes compare two runs of the same length by a number that measures their answers; the others read
 * or fit one model's values. Null means the default named here.
 *
 * @param kind what is computed
 * @param clean the run whose answer is explained; its captures, interventions and generation are not used. Of probe and
 *     interchange its model, engine and precision alone
 * @param corrupt the run that answers otherwise; model, engine, device and precisions default to clean's, and with
 *     neither prompt nor tokens it reads clean's
 * @param metric the number; logit_diff of the two runs' own answers by default, kl where these are the same token
 * @param direction which run is changed (denoise)
 * @param points hook points without their layer, such as {@code hook_resid_pre} and {@code attn.hook_z}; the default is the kind's
 * @param by the size of a place (position; for restore layer)
 * @param layers null for all
 * @param positions null for all
 * @param cells places that are changed together, as one more row (patch); the senders (path); the score that is taken apart (qk: one
 *     {@code attn.hook_attn_scores} with a head, a position and a key)
 * @param receivers of a path: {@code attn.hook_q}, {@code attn.hook_k}, {@code attn.hook_v}, {@code attn.hook_z}, {@code
 *     hook_mlp_out} or {@code logits} (logits)
 * @param convention of attribution: {@code tl} or {@code eap} (tl); of edges: {@code eap} or {@code eap_ig} (eap_ig); of lens:
 *     {@code logit}, {@code tuned} or {@code jacobian} (tuned)
 * @param steps of eap_ig (5), of each layer's tuned lens (200), of interchange through all examples (100)
 * @param measured how many of the best estimates are measured as well (10)
 * @param edges sizes of the circuits whose faithfulness is measured (a ladder of sizes)
 * @param keep the most edges, or places, that are listed (200)
 * @param signed whether edges are ranked by their value, not by their magnitude (false)
 * @param examples of probe, interchange, or the texts of lens
 * @param corpus texts of lens, instead of examples
 * @param rank coordinates of a probe (16), dimensions of an interchange (8)
 * @param c of a probe, the inverse strength of its L2 penalty (1)
 * @param skip of lens, positions at a text's beginning that are left out: 16, or 0 where every text is shorter than 32 tokens
 * @param seed of what is drawn by chance (0)
 * @param name label
 */
@Built
public record AnalysisRequest(
        Kind kind,
        RunRequest clean,
        RunRequest corrupt,
        Metric metric,
        Direction direction,
        List<String> points,
        By by,
        List<Integer> layers,
        List<Integer> positions,
        List<Cell> cells,
        List<Cell> receivers,
        String convention,
        Integer steps,
        Integer measured,
        List<Integer> edges,
        Integer keep,
        Boolean signed,
        List<Example> examples,
        SweepRequest.Texts corpus,
        Integer rank,
        Double c,
        Integer skip,
        Integer seed,
        String name) {

    /** What is computed. */
    public enum Kind {
        /** Activation patching: a value of one run is given to the other, place by place. */
        PATCH,
        /** Attribution patching: the same, estimated at every place by one gradient (Nanda 2023). */
        ATTRIBUTION,
        /** Path patching: a sender's change reaches the chosen receivers alone (Wang et al. 2022). */
        PATH,
        /** Edge attribution patching, with integrated gradients (Hanna et al. 2024), and circuits' faithfulness. */
        EDGES,
        /** Values of one model given back to the same model quantized. */
        RESTORE,
        /** One attention score as a sum over pairs of what wrote the residual stream. */
        QK,
        /** A lens fitted on texts (logit, tuned or Jacobian), read in one run. */
        LENS,
        /** Sparse linear probes that tell two labels apart. */
        PROBE,
        /** A subspace that carries what decides the answer (distributed alignment search, Geiger et al. 2024). */
        INTERCHANGE;

        /** Whether it compares two runs. */
        public boolean paired() {
            return compareTo(QK) < 0;
        }
    }

    /** Which run is changed. */
    public enum Direction {
        /** Clean values are put into the corrupt run. */
        DENOISE,
        /** Corrupt values are put into the clean run. */
        NOISE
    }

    /** How large a place is. */
    public enum By {
        POSITION,
        HEAD,
        HEAD_POSITION,
        LAYER,
        /** Sixteen equal groups of the last axis. */
        CHANNELS
    }

    /** A number that measures an answer. */
    public enum Measure {
        /** Mean logit of the answers minus that of {@code against}. */
        LOGIT_DIFF,
        /** Mean logit of the answers. */
        LOGIT,
        /** Sum of the answers' probabilities. */
        PROB,
        /** Mean of -ln of the answers' probabilities, nats. */
        NLL,
        /** KL(clean || run) of the next-token distributions, nats. */
        KL,
        /** Mean number of tokens with a larger logit than an answer. */
        RANK
    }

    /**
     * The number that measures an answer.
     *
     * @param name logit_diff (restore: kl)
     * @param answers texts of one token each; the clean run's most probable token by default
     * @param against the same; the corrupt run's most probable token by default
     * @param answerIds ids instead of texts
     * @param againstIds ids instead of texts
     * @param pos the position whose logits are read, negative from the end (-1)
     */
    @Built
    public record Metric(
            Measure name,
            List<String> answers,
            List<String> against,
            List<Integer> answerIds,
            List<Integer> againstIds,
            Integer pos) {}

    /**
     * A part of a hooked value.
     *
     * @param hook a hook's name with its layer
     * @param heads null for all, or for a value without heads
     * @param positions null for all
     * @param keys key positions of a score (qk alone)
     */
    public record Cell(String hook, List<Integer> heads, List<Integer> positions, List<Integer> keys) {

        /** Of a value without keys. */
        public Cell(String hook, List<Integer> heads, List<Integer> positions) {
            this(hook, heads, positions, null);
        }
    }

    /**
     * One prompt of many.
     *
     * @param prompt its text; of interchange the base's
     * @param tokens ids instead of it
     * @param label of a probe: one of two
     * @param group of a probe: examples that are held out together; each its own by default
     * @param source of interchange: the prompt whose value is given to the base
     * @param sourceTokens ids instead of it
     * @param answer of interchange: the text, one token, that then has to follow
     * @param answerId an id instead of it
     */
    @Built
    public record Example(
            String prompt,
            List<Integer> tokens,
            String label,
            String group,
            String source,
            List<Integer> sourceTokens,
            String answer,
            Integer answerId) {}
}
