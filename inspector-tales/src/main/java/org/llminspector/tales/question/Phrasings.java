package org.llminspector.tales.question;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Words;

/** Paraphrases of questions. */
public final class Phrasings {

    private record Rule(Pattern pattern, List<String> others) {}

    private static final List<Rule> RULES = List.of(
            rule("Where did (.+) live\\?", "In which place did $1 live?", "Where was the home of $1?"),
            rule("Where did (.+) hide\\?", "Where was $1 hiding?", "In which place did $1 hide?"),
            rule("Where did (.+)\\?", "In which place did $1?", "At what place did $1?"),
            rule("Who gave (.+) to (.+)\\?", "Who gave $2 $1?", "From whom did $2 get $1?"),
            rule("Who did (.+) meet (.+)\\?", "Whom did $1 meet $2?", "Who was it that $1 met $2?"),
            rule("Who found (.+)\\?", "Who was it that found $1?"),
            rule("What was (.+)\\?", "What kind of person or animal was $1?", "Who or what was $1?"),
            rule("What did (.+) give to (.+)\\?", "What did $2 get from $1?"),
            rule("What did (.+) sing\\?", "What was the song of $1?", "What song did $1 sing?"),
            rule("What did (.+) (need|lose)\\?", "Which thing did $1 $2?"),
            rule("What were the magic words of (.+)\\?", "What magic words did $1 say?"),
            rule("How many (\\w+) did (.+)\\?", "What number of $1 did $2?", "Count: how many $1 did $2?"),
            rule("How many (\\w+) went (.+)\\?", "What number of $1 went $2?", "Count: how many $1 went $2?"),
            rule("How did (.+?) feel when (.+)\\?", "When $2, how did $1 feel?", "What did $1 feel when $2?"),
            rule("Why did (.+) need (.+)\\?", "What did $1 need $2 for?"),
            rule("Why was (.+) (\\w+)\\?", "What made $1 $2?"));

    private Phrasings() {}

    /** The question itself half of the time, else a paraphrase. */
    public static String perhapsParaphrased(String question, ChoiceSource dice) {
        if (dice.chance(0.5)) return question;
        return dice.pick(paraphrases(question));
    }

    public static List<String> paraphrases(String question) {
        List<String> ways = new ArrayList<>();
        for (Rule rule : RULES) {
            Matcher m = rule.pattern.matcher(question);
            if (!m.matches()) continue;
            for (String other : rule.others) ways.add(Words.capital(m.replaceFirst(other)));
            break;
        }
        ways.add("Tell me, " + question.substring(0, 1).toLowerCase(Locale.ROOT) + question.substring(1));
        return ways;
    }

    private static Rule rule(String pattern, String... others) {
        return new Rule(Pattern.compile(pattern), List.of(others));
    }
}
