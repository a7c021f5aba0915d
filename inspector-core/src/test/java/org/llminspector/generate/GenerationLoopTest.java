package org.llminspector.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

class GenerationLoopTest {

    private static final Tokenizer SPM =
            Tokenizer.open(Path.of("src/test/resources/tokenizers/spm")).orElseThrow();
    private static final int[] PROMPT = {1, 290};
    private static final int EOS = 2;

    @AfterAll
    static void close() {
        SPM.close();
    }

    /** Listener that records every callback. */
    private static final class Hears implements GenerationLoop.Listener {
        private final StringBuilder text = new StringBuilder();
        private final List<Integer> positionsHeld = new ArrayList<>();
        private int tokens;
        private int prefills;

        @Override
        public void prefilled(KvCacheReport kvCache, double ms) {
            assertThat(kvCache.positions()).isEqualTo(PROMPT.length);
            assertThat(ms).isNotNegative();
            prefills++;
        }

        @Override
        public void token(GeneratedToken token, KvCacheReport kvCache) {
            text.append(token.text());
            positionsHeld.add(kvCache.positions());
            tokens++;
        }
    }

    @Test
    void aPromptAloneRunsOnce() {
        ScriptedSession session = ScriptedSession.saying(2, List.of());
        Hears hears = new Hears();
        GenerationLoop.Result r = GenerationLoop.run(session, PROMPT, null, SPM, List.of(EOS), 256, hears, () -> false);
        assertThat(session.seen).containsExactly(1, 290);
        assertThat(hears.prefills).isOne();
        assertThat(r.tokens()).isEmpty();
        assertThat(r.finishReason()).isNull();
        assertThat(r.text()).isEmpty();
    }

    @Test
    void theLastTokenIsNotFedBack() {
        ScriptedSession session = ScriptedSession.saying(2, ids(" words and"));
        Hears hears = new Hears();
        GenerationLoop.Result r = run(session, options(2, null), hears);
        assertThat(r.text()).isEqualTo(" words and");
        assertThat(r.finishReason()).isEqualTo("length");
        assertThat(r.seed()).isNull();
        assertThat(session.seen).containsExactly(1, 290, r.tokens().get(0));
        assertThat(hears.positionsHeld).containsExactly(2, 3);
        assertThat(r.steps().get(1).position()).isEqualTo(3);
        assertThat(hears.text.toString()).isEqualTo(r.text());
    }

    @Test
    void aStepSaysHowProbableItsTokenWas() {
        GeneratedToken step = run(ScriptedSession.saying(2, ids(" the")), options(1, null), new Hears())
                .steps()
                .get(0);
        double prob = Math.exp(9) / (Math.exp(9) + 399);
        assertThat(step.prob()).isCloseTo(prob, within(1e-12));
        assertThat(step.logprob()).isCloseTo(Math.log(prob), within(1e-12));
        assertThat(step.sampledProb()).isEqualTo(1);
        assertThat(step.alternatives()).hasSize(10);
        assertThat(step.alternatives().get(0).text()).isEqualTo(" the");
        assertThat(step.alternatives().get(0).prob()).isCloseTo(prob, within(1e-12));
        assertThat(step.alternatives().get(0).logit()).isEqualTo(9);
        assertThat(step.alternatives().get(1).id()).isZero();
        assertThat(step.token().text()).isEqualTo(" the");
    }

    @Test
    void charactersComeOutWhole() {
        GenerationLoop.Result r =
                run(ScriptedSession.saying(2, ids("\ud83d\ude00\u00e9.")), options(20, null), new Hears());
        List<String> texts = r.steps().stream().map(GeneratedToken::text).toList();
        assertThat(texts.subList(1, 8)).containsExactly("", "", "", "\ud83d\ude00", "", "\u00e9", ".");
    }

    @Test
    void whatIsBrokenAtTheEndIsMarkedInTheLastToken() {
        GenerationLoop.Result r = run(ScriptedSession.saying(2, List.of(264, 3 + 0xE2)), options(2, null), new Hears());
        assertThat(r.text()).isEqualTo("a\uFFFD");
        assertThat(r.steps().get(1).text()).isEqualTo("\uFFFD");
    }

    @Test
    void endsAtEos() {
        List<Integer> script = new ArrayList<>(ids(" words"));
        script.add(EOS);
        GenerationLoop.Result r = run(ScriptedSession.saying(2, script), options(20, null), new Hears());
        assertThat(r.finishReason()).isEqualTo("eos");
        assertThat(r.tokens()).isEqualTo(script);
        assertThat(r.text()).isEqualTo(" words");
        GenerateOptions past =
                new GenerateOptions(5, null, null, null, null, null, null, null, null, null, true, null, null);
        assertThat(run(ScriptedSession.saying(2, script), past, new Hears()).finishReason())
                .isEqualTo("length");
    }

    @Test
    void endsBeforeAStopStringThatIsSplitOverTokens() {
        Hears hears = new Hears();
        GenerationLoop.Result r =
                run(ScriptedSession.saying(2, ids(" words and more")), options(20, List.of("s an", "zzz")), hears);
        assertThat(r.finishReason()).isEqualTo("stop");
        assertThat(r.text()).isEqualTo(" word");
        assertThat(hears.text.toString()).isEqualTo(" word");
        assertThat(r.tokens())
                .isEqualTo(ids(" words and more").subList(0, r.tokens().size()));
    }

    @Test
    void whatWasHeldBackComesOutAtTheEnd() {
        GenerationLoop.Result r =
                run(ScriptedSession.saying(2, ids(" words and")), options(2, List.of("and more")), new Hears());
        assertThat(r.finishReason()).isEqualTo("length");
        assertThat(r.text()).isEqualTo(" words and");
        assertThat(r.steps().get(1).text()).isEqualTo(" and");
    }

    @Test
    void aCancelledRunKeepsWhatWasMade() {
        ScriptedSession session = ScriptedSession.saying(2, ids(" words and words"));
        Hears hears = new Hears();
        GenerationLoop.Result r = GenerationLoop.run(
                session,
                PROMPT,
                options(20, List.of("and more")),
                SPM,
                List.of(EOS),
                256,
                hears,
                () -> hears.tokens >= 2);
        assertThat(r.finishReason()).isEqualTo("cancelled");
        assertThat(r.tokens()).hasSize(2);
        assertThat(r.text()).isEqualTo(" words and");
        assertThat(session.length()).isEqualTo(3);
        GenerationLoop.Result none = GenerationLoop.run(
                ScriptedSession.saying(2, List.of()),
                PROMPT,
                options(20, null),
                SPM,
                List.of(EOS),
                256,
                GenerationLoop.Listener.NONE,
                () -> true);
        assertThat(none.finishReason()).isEqualTo("cancelled");
        assertThat(none.tokens()).isEmpty();
    }

    @Test
    void endsWhereTheContextEnds() {
        ScriptedSession session = ScriptedSession.saying(2, List.of());
        GenerationLoop.Result r = GenerationLoop.run(
                session, PROMPT, options(20, null), SPM, List.of(EOS), 5, GenerationLoop.Listener.NONE, () -> false);
        assertThat(r.finishReason()).isEqualTo("length");
        assertThat(r.tokens()).hasSize(3);
        assertThat(session.length()).isEqualTo(4);
        GenerationLoop.Result full = GenerationLoop.run(
                ScriptedSession.saying(2, List.of()),
                PROMPT,
                options(20, null),
                SPM,
                List.of(EOS),
                2,
                GenerationLoop.Listener.NONE,
                () -> false);
        assertThat(full.finishReason()).isEqualTo("length");
        assertThat(full.tokens()).isEmpty();
    }

    @Test
    void theSameSeedWritesTheSameText() {
        Random random = new Random(8);
        float[] logits = new float[320];
        for (int i = 0; i < logits.length; i++) logits[i] = (float) random.nextGaussian();
        GenerateOptions drawn =
                new GenerateOptions(30, false, 1.2, null, null, null, null, null, null, null, null, null, null);
        GenerationLoop.Result a = run(new ScriptedSession(seen -> logits), drawn, new Hears());
        GenerateOptions again =
                new GenerateOptions(30, false, 1.2, null, null, null, null, a.seed(), null, null, null, null, null);
        GenerationLoop.Result b = run(new ScriptedSession(seen -> logits), again, new Hears());
        assertThat(a.seed()).isBetween(0L, 1L << 32);
        assertThat(b.tokens()).isEqualTo(a.tokens());
        assertThat(b.text()).isEqualTo(a.text());
    }

    @Test
    void aModelWithoutATokenizerWritesIds() {
        GenerationLoop.Result r = GenerationLoop.run(
                ScriptedSession.saying(2, List.of(7, 8, EOS)),
                PROMPT,
                options(20, null),
                null,
                List.of(EOS),
                256,
                GenerationLoop.Listener.NONE,
                () -> false);
        assertThat(r.tokens()).containsExactly(7, 8, EOS);
        assertThat(r.text()).isEmpty();
        assertThat(r.steps().get(0).token()).isEqualTo(Token.ofId(7));
        assertThatThrownBy(() -> GenerationLoop.run(
                        ScriptedSession.saying(2, List.of()),
                        PROMPT,
                        options(20, List.of("x")),
                        null,
                        List.of(),
                        256,
                        GenerationLoop.Listener.NONE,
                        () -> false))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("generate.stop");
    }

    /** The scripted vocabulary has 400 ids, the tokenizer 320. */
    @Test
    void aTokenOfThePaddingHasNoText() {
        GenerationLoop.Result r = run(ScriptedSession.saying(2, List.of(399, 264)), options(2, null), new Hears());
        assertThat(r.text()).isEqualTo("a");
        assertThat(r.steps().get(0).token().text()).isEqualTo("⟨399⟩");
    }

    @Test
    void aPromptThatDoesNotFitIsRefusedBeforeItRuns() {
        ScriptedSession session = ScriptedSession.saying(2, List.of());
        for (int[] prompt : new int[][] {{}, {1, 2, 3}}) {
            assertThatThrownBy(() -> GenerationLoop.run(
                            session, prompt, null, SPM, List.of(), 2, GenerationLoop.Listener.NONE, () -> false))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("prompt");
        }
        assertThat(session.seen).isEmpty();
    }

    private static GenerationLoop.Result run(
            ScriptedSession session, GenerateOptions options, GenerationLoop.Listener listener) {
        return GenerationLoop.run(session, PROMPT, options, SPM, List.of(EOS), 256, listener, () -> false);
    }

    private static GenerateOptions options(int maxNewTokens, List<String> stop) {
        return new GenerateOptions(
                maxNewTokens, null, null, null, null, null, null, null, stop, null, null, null, null);
    }

    /** A text's tokens; one that begins with a space has it in its first token. */
    private static List<Integer> ids(String text) {
        String rest = text.startsWith(" ") ? text.substring(1) : text;
        return SPM.encode(rest, false).stream().map(Token::id).toList();
    }
}
