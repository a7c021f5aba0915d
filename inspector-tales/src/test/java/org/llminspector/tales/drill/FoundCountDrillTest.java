package org.llminspector.tales.drill;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.llminspector.tales.corpus.Tales;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Words;
import org.llminspector.train.Corpus.Span;
import org.llminspector.train.Corpus.Split;

class FoundCountDrillTest {

    private static final Pattern FOUND = Pattern.compile("(\\w+) found (\\w+ \\w+)");
    private static final Pattern SUM =
            Pattern.compile("\"(\\w+) and (\\w+) make (\\w+)\\.\" So they had (\\w+) \\w+\\.");

    /**
     * Repetitions and answers match the first statement about the same person; exactly these are marked as determined.
     */
    @Test
    void whatIsSaidAgainOrAnsweredWasTold() {
        int asked = 0;
        int sums = 0;
        for (long i = 0; i < 200; i++) {
            CopyingDrills.Game document = FoundCountDrill.of(new ChoiceSource(1, 5, i));
            Map<String, String> told = new HashMap<>();
            List<String> again = new ArrayList<>();
            String rounds = document.text().substring(document.text().indexOf('\n'));
            for (Matcher m = FOUND.matcher(rounds); m.find(); ) {
                String before = told.putIfAbsent(m.group(1), m.group(2));
                if (before == null) continue;
                assertThat(m.group(2)).as(document.text()).isEqualTo(before);
                again.add(m.group(2));
            }
            assertThat(again).hasSameSizeAs(told.keySet());
            List<String> known = new ArrayList<>();
            for (Span s : document.determined()) known.add(document.text().substring(s.from(), s.to()));
            assertThat(known).isEqualTo(again);
            String[] lines = document.text().split("\n");
            for (int n = 0; n < lines.length; n++) {
                if (!lines[n].endsWith(" find?")) continue;
                asked++;
                assertThat(lines[n]).contains(" " + lines[n + 1].replaceAll(" .*", "") + " find?");
            }
            for (Matcher m = SUM.matcher(document.text()); m.find(); sums++) {
                int sum = Words.number(m.group(1)) + Words.number(m.group(2));
                assertThat(Words.number(m.group(3))).isEqualTo(sum);
                assertThat(m.group(4)).isEqualTo(m.group(3));
            }
        }
        assertThat(asked).isGreaterThan(500);
        assertThat(sums).isGreaterThan(100);
    }

    /** The tunings rehearse them, the instruct model most; the base's last stage has none. */
    @Test
    void theTuningsRehearseThem() {
        assertThat(finders(600_000)).isZero();
        assertThat(finders(623_000)).isZero();
        assertThat(finders(700_000)).isBetween(60L, 140L);
        assertThat(finders(705_000)).isBetween(5L, 45L);
    }

    private static long finders(long from) {
        Tales tales = new Tales(1);
        return LongStream.range(from, from + 400)
                .filter(i -> tales.document(Split.TRAIN, i).startsWith("Who found how many?"))
                .count();
    }
}
