package org.llminspector.tales.drill;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.train.Corpus.Span;

class RecallDrillTest {

    private static final Pattern ASKED = Pattern.compile("\"([^\"]+)\\?\" asked \\w+\\. \"([^\"]+),\" said (\\w+)\\.");
    private static final Pattern RECALLED = Pattern.compile("(?m)^([a-z]+) (the [a-z]+|\\w+)$");

    /** Answers match an event of the same round; these are the spans marked as determined. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void answersWhatItTold(int telling) {
        Map<String, Integer> asked = new TreeMap<>();
        for (long i = 0; i < 150; i++) {
            CopyingDrills.Game document = RecallDrill.of(
                    new ChoiceSource(1, 5, i),
                    new int[] {3, 3, 3, 2, 1},
                    0.4,
                    telling == 0 ? 1 : 0,
                    telling == 1 ? 1 : 0,
                    telling == 2 ? 1 : 0);
            String text = document.text();
            List<String> known = new ArrayList<>();
            for (Span s : document.determined()) known.add(text.substring(s.from(), s.to()));
            for (MatchResult m : ASKED.matcher(text).results().toList()) {
                String answer = m.group(2).replace(" has it", "");
                assertThat(known).contains(answer);
                String told = text.substring(0, m.start());
                assertThat(holds(m.group(1), answer, m.group(3), told))
                        .as(m.group() + " in " + text)
                        .isTrue();
                asked.merge(m.group(1).replaceAll("^(\\w+ \\w+).*", "$1"), 1, Integer::sum);
            }
            for (MatchResult m : RECALLED.matcher(text).results().toList()) {
                String told = text.substring(0, m.start());
                String one = m.group(1).replaceAll("(?:ies|ves|es|s)$", "");
                assertThat(told.split("[.,\n]"))
                        .as(m.group() + " in " + text)
                        .anyMatch(words -> says(words, one) && says(words, m.group(2) + "\\b"));
                asked.merge("recalled", 1, Integer::sum);
            }
        }
        assertThat(asked.keySet()).containsAll(List.of("Who did", "Who has", "Who gave", "How many", "Where did"));
        assertThat(asked.getOrDefault("recalled", 0)).matches(n -> telling == 2 ? n == 0 : n > 60);
        assertThat(asked.values().stream().mapToInt(n -> n).sum()).isGreaterThan(900);
    }

    private static boolean holds(String question, String answer, String hero, String told) {
        String asked = question.replaceAll(" (?:did you find|now)$", "").replaceAll(".* (?=\\w+$)", "");
        String at = "(?:in|by|on|under|behind|at) the ";
        String went = hero + " \\w+ to the ";
        return switch (question.replaceAll("^(\\w+ \\w+).*", "$1")) {
            case "Who did" ->
                says(told, hero + " met " + answer + " " + at + asked)
                        || says(told, at + asked + " " + hero + " met " + answer)
                        || says(told, went + asked + "\\.(?:(?! gave the ).)*\\b" + answer)
                        || near(asked, answer, told);
            case "Who has" -> {
                List<String> holders = Pattern.compile("gave the " + asked + " to ((?:the )?\\w+)")
                        .matcher(told)
                        .results()
                        .map(m -> m.group(1))
                        .toList();
                yield holders.isEmpty()
                        ? near(asked, answer, told)
                        : holders.get(holders.size() - 1).equalsIgnoreCase(answer);
            }
            case "Who gave" -> says(told, answer + " gave the " + asked + " to " + hero) || near(answer, asked, told);
            case "How many" -> says(told, answer) && says(answer, asked.replaceAll("(?:ies|ves|es|s)$", ""));
            default ->
                says(told, "found the " + asked + " " + answer)
                        || says(told, went + noun(answer) + "\\. There " + hero + " found an? \\w+ " + asked)
                        || near(asked, noun(answer), told);
        };
    }

    private static String noun(String place) {
        return place.replaceAll(".* ", "");
    }

    private static boolean near(String one, String other, String told) {
        return says(told, one + " " + other);
    }

    private static boolean says(String told, String words) {
        return Pattern.compile("(?i)(?<!\\w)" + words).matcher(told).find();
    }
}
