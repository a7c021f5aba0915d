package org.llminspector.tokenize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.zip.CRC32;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Json;
import org.llminspector.tokenize.MergeTrace.Kind;
import org.llminspector.tokenize.MergeTrace.Piece;
import org.llminspector.tokenize.file.TokenizerRules;

/** scripts/golden/make_merges.py made the goldens with Python's tiktoken and tokenizers. */
class TokenizationTest {

    private static final Tokenizer UNIGRAM =
            Tokenizer.open(Fixtures.folder("unigram")).orElseThrow();

    /** What the rank of every merge is, in the order in which they happen. */
    @Test
    void mergesHappenInTheOrderOfTiktokenAndTokenizers() {
        JsonNode cases =
                Json.readObject(Path.of("src/test/resources/merges.json")).get("cases");
        assertThat(cases.size()).isEqualTo(2_000);
        SoftAssertions soft = new SoftAssertions();
        long merges = 0;
        for (JsonNode c : cases) {
            String text = c.get("text").asText();
            for (String name : List.of("cl100k_base", "o200k_base", "bytelevel", "spm")) {
                MergeTrace trace =
                        name.endsWith("_base") ? MergeTrace.of(name, text) : MergeTrace.of(Fixtures.of(name), text);
                List<Integer> ranks = ranks(trace);
                merges += ranks.size();
                soft.assertThat(List.of((long) ranks.size(), crc(ranks)))
                        .as(name + ": " + text)
                        .isEqualTo(List.of(
                                c.get(name).get(0).asLong(), c.get(name).get(1).asLong()));
            }
        }
        soft.assertAll();
        assertThat(merges).isGreaterThan(50_000);
    }

    private static List<Integer> ranks(MergeTrace trace) {
        List<Integer> ranks = new ArrayList<>();
        trace.pieces().forEach(p -> p.merges().forEach(m -> ranks.add(m.rank())));
        return ranks;
    }

    private static long crc(List<Integer> ranks) {
        CRC32 crc = new CRC32();
        crc.update(ranks.stream()
                .map(String::valueOf)
                .collect(Collectors.joining(","))
                .getBytes(StandardCharsets.UTF_8));
        return crc.getValue();
    }

    @Test
    void anEncodingShowsItsMerges() {
        List<Piece> pieces = MergeTrace.of("cl100k_base", "Hi \ud83d\ude00").pieces();
        assertThat(pieces).extracting(Piece::text).containsExactly("Hi", " \ud83d\ude00");
        assertThat(pieces.get(0).symbols()).extracting(MergeTrace.Symbol::text).containsExactly("H", "i");
        assertThat(pieces.get(0).merges()).hasSize(1);
        assertThat(pieces.get(0).merges().get(0).rank()).isEqualTo(13347);
        assertThat(pieces.get(1).symbols()).hasSize(5);
        assertThat(pieces.get(1).start()).isEqualTo(2);
        assertThat(pieces.get(1).end()).isEqualTo(5);
        assertThat(MergeTrace.of("r50k_base", "").pieces()).isEmpty();
    }

    @Property(tries = 100, seed = "20261127")
    void anEncodingsTraceEndsInItsTokens(@ForAll String any) {
        for (String name : Encodings.names()) {
            assertThat(MergeTrace.of(name, any).tokens()).isEqualTo(Encodings.encode(name, any));
        }
    }

    /** A word in the list is taken whole; where merges lead to it they are traced. */
    @Test
    void wholeWordsOfAnEncoding() {
        for (Piece p : MergeTrace.of("o200k_base", "the unbelievable tokenization of things")
                .pieces()) {
            if (p.kind() == Kind.MERGED) {
                assertThat(p.after(p.merges().size()))
                        .extracting(MergeTrace.Symbol::id)
                        .isEqualTo(Fixtures.ids(p.tokens()));
            } else {
                assertThat(p.tokens()).hasSize(1);
            }
        }
    }

    @Test
    void unigramTakesTheLikeliestWay() {
        JsonNode golden = Fixtures.golden("unigram");
        int several = 0;
        for (JsonNode c : golden.get("cases")) {
            String text = c.get("text").asText();
            List<Integer> ids = new ArrayList<>();
            for (UnigramTrace.Word w : UnigramTrace.of(UNIGRAM, text).words()) {
                w.ways().get(0).parts().forEach(p -> ids.add(p.symbol().id()));
                if (w.ways().size() > 1) several++;
                Double before = null;
                for (UnigramTrace.Way way : w.ways()) {
                    if (way.score() == null) continue;
                    double sum = 0;
                    StringBuilder joined = new StringBuilder();
                    for (UnigramTrace.Part p : way.parts()) {
                        joined.append(p.symbol().piece());
                        sum += golden.get("scores").get(p.symbol().piece()).asDouble();
                    }
                    assertThat(joined.toString()).isEqualTo(w.text());
                    assertThat(way.score()).isCloseTo(sum, within(1e-9));
                    if (before != null) assertThat(way.score()).isLessThanOrEqualTo(before + 1e-9);
                    before = way.score();
                }
            }
            assertThat(ids).as(text).isEqualTo(Fixtures.ids(c.get("ids")));
        }
        assertThat(several).isGreaterThan(100);
        assertThat(UNIGRAM.rules().algorithm()).isEqualTo(TokenizerRules.Algorithm.UNIGRAM);
    }

    @Test
    void columnsSayWhatTokensSay() {
        for (Tokenizer tokenizer : List.of(Fixtures.BYTE_LEVEL, Fixtures.SPM, UNIGRAM)) {
            for (String text : List.of("the \ud83d\ude00 caf\u00e9", "", "a", "\u20ac1 \ud83d\ude00\ud83d\ude00")) {
                List<Token> tokens = tokenizer.encode(text, true);
                Tokenization t = Tokenization.of(tokenizer, text, true);
                Map<Integer, Tokenization.Piece> pieces =
                        t.pieces().stream().collect(Collectors.toMap(Tokenization.Piece::id, p -> p));
                assertThat(t.ids()).hasSize(tokens.size());
                for (int i = 0; i < tokens.size(); i++) {
                    Token token = tokens.get(i);
                    assertThat(t.ids()[i]).isEqualTo(token.id());
                    assertThat(t.starts()[i]).isEqualTo(token.start() == null ? -1 : token.start());
                    assertThat(t.ends()[i]).isEqualTo(token.end() == null ? -1 : token.end());
                    assertThat(pieces.get(token.id()).text()).isEqualTo(token.text());
                    assertThat(pieces.get(token.id()).bytes()).isEqualTo(token.bytes());
                }
            }
        }
    }

    @Test
    void aCharacterThatIsSeveralTokensIsAGroup() {
        Tokenization spm = Tokenization.of(Fixtures.SPM, "a\ud83d\ude00b", false);
        assertThat(spm.groups()).hasSize(1);
        Tokenization.Group group = spm.groups().get(0);
        assertThat(group.text()).isEqualTo("\ud83d\ude00");
        assertThat(group.end() - group.start()).isEqualTo(4);
        List<Tokenization.Kind> kinds = spm.pieces().stream()
                .map(Tokenization.Piece::kind)
                .filter(k -> k == Tokenization.Kind.BYTE)
                .toList();
        assertThat(kinds).hasSize(4);
        assertThat(spm.rules().byteFallback()).isTrue();
        Tokenization gpt2 = Tokenization.of("r50k_base", "a\ud83d\ude00b");
        assertThat(gpt2.groups()).extracting(Tokenization.Group::text).containsExactly("\ud83d\ude00");
        assertThat(Tokenization.of("cl100k_base", "plain words").groups()).isEmpty();
        assertThat(Tokenization.of(UNIGRAM, "\u4f60", false).pieces())
                .extracting(Tokenization.Piece::kind)
                .contains(Tokenization.Kind.UNKNOWN);
    }
}
