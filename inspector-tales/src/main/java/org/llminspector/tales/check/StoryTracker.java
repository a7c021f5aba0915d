package org.llminspector.tales.check;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.llminspector.tales.words.Words;

/**
 * A story's state as read from its text: where each person is, and what the hero did, found, saw and got. It decides
 * whether an answer to a question at home is true.
 */
final class StoryTracker {

    private static final Pattern QUOTED = Pattern.compile("\"[^\"]*\"?");
    private static final Pattern HOUSE = Pattern.compile("(?:house|hut|cottage) \\w+ the (\\w+)");
    private static final Pattern GUEST = Pattern.compile(" named (\\w+) came to (?:see|visit) ");
    private static final Pattern GOES =
            Pattern.compile("\\b(?:walked|marched|ran|skipped|danced|went)\\b.*? to the (\\w+)");
    private static final Pattern HOME = Pattern.compile("\\b(?:went|ran|walked) home\\.$");
    private static final Pattern TWO = Pattern.compile("^(\\w+) and (\\w+) (went|sat)\\b.* the (\\w+)\\.$");
    private static final Pattern RACE = Pattern.compile("^\"(?:Let us run|I will be the first) to the (\\w+)");
    private static final Pattern FIRST = Pattern.compile("^(\\w+) did not stop and was the first \\w+ the (\\w+)");

    private static final Pattern MET =
            Pattern.compile("(?:\\bmet|\\bonly) (?:an? \\w+ \\w+ named (\\w+)|(the \\w+))\\.$"
                    + "|^(?:An? \\w+ \\w+ named (\\w+)|(The \\w+)) was (?:\\w+ )?there(?: already)?\\.$");
    private static final Pattern NAMED = Pattern.compile("^\"(?:I am|My name is) (\\w+),\" said the ");
    private static final Pattern SENT = Pattern.compile("^\"Please go to (the \\w+|\\w+) \\w+ the (\\w+) and say");

    private static final Pattern COUNTED = Pattern.compile("\\b(?:gathered|found) (\\w+) (\\w+)(?: \\w+ the (\\w+))?");
    private static final Pattern SAW = Pattern.compile("\\bsaw (?:only )?(\\w+) (\\w+)");
    private static final Pattern FOUND = Pattern.compile("\\bfound (?:the|an? \\w+) (\\w+)(?: \\w+ the (\\w+))?");
    private static final Pattern TOOK = Pattern.compile("\\b(?:picked it up|took it)\\.$");
    private static final Pattern GONE = Pattern.compile("\\b[Tt]he (\\w+) was gone\\.$");
    private static final Pattern PULLED = Pattern.compile("(\\w+) pulled (\\w+), and \\2 pulled the ");
    private static final Pattern WROTE = Pattern.compile("Your friend (\\w+)\\.");

    private static final Pattern GAVE =
            Pattern.compile("\\b((?:[Tt]he )?\\w+) gave (the \\w+|\\w+ \\w+) to ((?:the )?\\w+)");
    private static final Pattern SOLD = Pattern.compile(
            "^\"(?:Of course|Here you are|Take it all), [^\"]*\" (?:said|whispered) ((?:the )?\\w+)\\.$");
    private static final Pattern LISTED = Pattern.compile("\\ban? \\w+ (\\w+)");

    private String hero = "";
    private String home = "";
    private String thing = ""; // the last one mentioned
    private String lost = "";
    private String winner = "";
    private String helper = "";
    private String writer = "";
    private final Map<String, String> at = new HashMap<>();
    private final Map<String, String> found = new HashMap<>();
    private final Map<String, String> counted = new HashMap<>();
    private final Map<String, String> seen = new HashMap<>();
    private final Map<String, String> met = new HashMap<>();
    private final Map<String, Set<String>> givers = new HashMap<>();
    private final Map<String, Set<String>> takers = new HashMap<>();
    private final Map<String, String> holders = new HashMap<>();
    private final StringBuilder told = new StringBuilder();
    private String previous = "";

    /**
     * Reads one sentence.
     *
     * @param subject whom it is about, by name or as "the baker"; null where that is not clear
     * @return whether a person goes to where they already are
     */
    boolean track(String sentence, String subject) {
        String narrated = QUOTED.matcher(sentence).replaceAll("\"\"");
        for (String word : narrated.split("\\W+")) {
            if (hero.isEmpty() && Language.isName(word)) hero = word;
            if (Language.THINGS.contains(word)) thing = word;
        }
        String who = narrated.startsWith("They ") || subject == null ? hero : subject;
        boolean nowhere = trackMove(sentence, narrated, who);
        meets(sentence, narrated);
        gives(sentence, narrated, who);
        if (who.equals(hero)) trackActions(narrated);
        first(GONE, narrated, m -> lost = m.group(1));
        first(PULLED, narrated, m -> helper = m.group(2).equals(hero) ? m.group(1) : helper);
        first(WROTE, sentence, m -> writer = m.group(1));
        told.append(' ').append(Language.low(sentence));
        previous = sentence;
        return nowhere;
    }

    private static void first(Pattern pattern, String text, Consumer<MatchResult> then) {
        Matcher m = pattern.matcher(text);
        if (m.find()) then.accept(m.toMatchResult());
    }

    private boolean trackMove(String sentence, String narrated, String who) {
        if (home.isEmpty()) {
            first(HOUSE, narrated, m -> {
                home = m.group(1);
                at.put(hero, home);
            });
        }
        first(GUEST, narrated, m -> at.put(m.group(1), at.get(hero)));
        first(FIRST, narrated, m -> {
            winner = m.group(1);
            at.put(hero, m.group(2));
            at.put(winner, m.group(2));
        });
        Matcher race = RACE.matcher(sentence);
        if (race.find()) return race.group(1).equals(at.get(hero));
        Matcher two = TWO.matcher(narrated);
        if (two.find()) {
            String before = at.put(two.group(1), two.group(4));
            at.put(two.group(2), two.group(4));
            return two.group(3).equals("went") && two.group(4).equals(before);
        }
        if (HOME.matcher(narrated).find()) return home.equals(at.put(who, home));
        Matcher to = GOES.matcher(narrated);
        return to.find()
                && Language.PLACES.containsKey(to.group(1))
                && to.group(1).equals(at.put(who, to.group(1)));
    }

    private void meets(String sentence, String narrated) {
        first(
                MET,
                narrated,
                m -> meet(
                        Stream.of(1, 2, 3, 4)
                                .map(m::group)
                                .filter(g -> g != null)
                                .findFirst()
                                .orElseThrow(),
                        at.get(hero)));
        first(NAMED, sentence, m -> meet(m.group(1), at.get(hero)));
        first(SENT, sentence, m -> meet(m.group(1), m.group(2)));
    }

    private void meet(String whom, String where) {
        at.put(whom.replace("The ", "the "), where);
        met.putIfAbsent(where, Language.low(whom));
    }

    /** Records the hero's actions. */
    private void trackActions(String narrated) {
        first(COUNTED, narrated, m -> {
            if (Words.number(m.group(1)) > 0)
                counted.putIfAbsent(
                        Language.PLURAL.getOrDefault(m.group(2), m.group(2)), m.group(1) + " " + m.group(2));
            if (m.group(3) != null) at.put(hero, m.group(3));
        });
        first(SAW, narrated, m -> {
            if (Words.number(m.group(1)) > 0) seen.put(at.get(hero), m.group(1) + " " + m.group(2));
        });
        first(FOUND, narrated, m -> {
            if (m.group(2) != null) at.put(hero, m.group(2));
            found.put(m.group(1), at.get(hero));
        });
        if (TOOK.matcher(narrated).find()) found.put(thing, at.get(hero));
    }

    private void gives(String sentence, String narrated, String who) {
        for (Matcher m = GAVE.matcher(narrated); m.find(); ) {
            String from = m.group(1).matches("[Hh]e|[Ss]he") ? who : m.group(1);
            given(m.group(2), Language.low(from), Language.low(m.group(3)));
        }
        // A whole list is sold at once; only the request before it names the things.
        first(SOLD, sentence, sold -> {
            for (Matcher m = LISTED.matcher(previous); m.find(); ) {
                if (Language.THINGS.contains(m.group(1))) given("the " + m.group(1), sold.group(1), Language.low(hero));
            }
        });
    }

    private void given(String what, String from, String to) {
        givers.computeIfAbsent(what + " to " + to, k -> new HashSet<>()).add(from);
        takers.computeIfAbsent(what, k -> new HashSet<>()).add(to);
        holders.put(what, to);
    }

    /** A question asked at home; the pattern's group is what it asks about. */
    private enum Question {
        WHERE_FOUND("Where did you find the (\\w+)\\?"),
        HOW_MANY("How many (\\w+) did you find\\?"),
        WHAT_SEEN("What did you see \\w+ the (\\w+)\\?"),
        WHAT_LOST("What did you (lose)\\?"),
        WHY("Why were you (\\w+)\\?"),
        WHO_GAVE("Who gave you (\\w+ \\w+)\\?"),
        WHO_GOT("Who got (\\w+ \\w+)\\?"),
        WHO_HAS("Who has (the \\w+) now\\?"),
        WHO_MET("Who did you meet \\w+ the (\\w+)\\?"),
        WHO_FIRST("Who was (the first)\\?"),
        WHO_HELPED("Who (helped) you\\?"),
        WHO_WROTE("Who (wrote) the letter\\?");

        final Pattern pattern;

        Question(String pattern) {
            this.pattern = Pattern.compile(pattern);
        }
    }

    /**
     * Whether an answer is true; also true for a question that is not one of those asked at home.
     *
     * @param answer in lower case, without its final punctuation
     */
    boolean isTrue(String question, String answer) {
        for (Question q : Question.values()) {
            Matcher m = q.pattern.matcher(question);
            if (m.find()) return isTrue(q, m.group(1), answer);
        }
        return true;
    }

    private boolean isTrue(Question question, String what, String answer) {
        return switch (question) {
            case WHERE_FOUND -> found.containsKey(what) && answer.endsWith(" the " + found.get(what));
            case HOW_MANY -> answer.equals(counted.get(what));
            case WHAT_SEEN -> answer.equals(seen.get(what));
            case WHAT_LOST -> answer.equals("my " + lost);
            case WHY -> isReason(what, answer);
            case WHO_GAVE ->
                givers.getOrDefault(what + " to " + Language.low(hero), Set.of())
                        .contains(answer);
            case WHO_GOT -> takers.getOrDefault(what, Set.of()).contains(answer);
            case WHO_HAS -> answer.equals(holders.get(what) + " has it");
            case WHO_MET -> answer.equals(met.get(what));
            case WHO_FIRST -> answer.equals((winner.equals(hero) ? "i" : Language.low(winner)) + " was the first");
            case WHO_HELPED -> answer.equals(Language.low(helper) + " helped me");
            case WHO_WROTE -> answer.equals(Language.low(writer));
        };
    }

    /** A reason for a feeling: the words of the answer, and the words of the story that justify it. */
    private record Reason(boolean bad, Pattern said, String told) {

        Reason(boolean bad, String said, String told) {
            this(bad, Pattern.compile("because " + said), told);
        }
    }

    /** In {@code told}, $1 is the answer's group and $hero the hero. */
    private static final List<Reason> REASONS = List.of(
            new Reason(true, "the (\\w+) was gone", "the $1 was gone"),
            new Reason(true, "i heard the (noise)", "heard a \\w+ $1"),
            new Reason(true, "the (\\w+) broke", "(?:the $1|it) .*broke"),
            new Reason(true, "i was (late)", "did not stop and was the first"),
            new Reason(false, "i was (first)", "$hero did not stop and was the first"),
            new Reason(false, "i had the (\\w+)(?: again)?", "\\b$1\\b"),
            new Reason(false, "the (door|chest|gate) opened", "the $1 opened"),
            new Reason(false, "i gave something to (.+)", "gave \\w+ \\w+ to $1"),
            new Reason(false, "they had (\\w+ \\w+)", "(?:took|had) $1"),
            new Reason(false, "i found (\\w+)", "i found you, $1|i see you, $1|there you are, $1"),
            new Reason(false, "i knew the (song)", "a $1:"),
            new Reason(false, "the (\\w+) moved", "pulled the $1, and it moved"),
            new Reason(false, "i could (count)", "now there (?:was|were) "),
            new Reason(false, "all the (answers) were right", "what is|how many are"),
            new Reason(false, "i was a good (echo)", "say after me"),
            new Reason(false, "i told the (truth)", "it broke"));

    private static final Set<String> BAD = Set.of("sad", "worried", "angry", "afraid", "tired");

    private boolean isReason(String feeling, String answer) {
        return REASONS.stream().anyMatch(r -> {
            Matcher m = r.said.matcher(answer);
            if (!m.matches() || r.bad != BAD.contains(feeling)) return false;
            String is = r.told.replace("$1", Pattern.quote(m.group(1))).replace("$hero", Language.low(hero));
            return Pattern.compile(is).matcher(told).find();
        });
    }
}
