package org.llminspector.tales.check;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.llminspector.tales.words.Place;
import org.llminspector.tales.words.Words;

/** The reading of one story, sentence by sentence: its faults, and what it has said so far. */
final class StoryReading {

    private static final Set<String> PREPOSITIONS = Set.of("in", "by", "on", "under", "behind", "at");
    private static final Set<String> MANY = Set.copyOf(Language.PLURAL.values());

    private static final Pattern SUM = Pattern.compile("(\\w+) (and|less) (\\w+) (?:make|is) (\\w+)");
    private static final Pattern COUNTED = Pattern.compile("\"(One(?:, \\w+)+)([,!])");
    private static final Pattern GAVE =
            Pattern.compile("\\b((?:[Tt]he )?\\w+) gave (?:the (\\w+)|(\\w+) (\\w+)) to ((?:the )?\\w+)");
    private static final Pattern FOUND = Pattern.compile("\\b(?:gathered|found|saw|see) (\\w+) (\\w+)");
    private static final Pattern LEFT = Pattern.compile("\\bhad (\\w+) (\\w+) left\\.");
    private static final Pattern ATE = Pattern.compile("\\bate (\\w+) \\w+, and (\\w+) \\w+ (?:was|were) left\\.");
    private static final Pattern GIFT = Pattern.compile("\\bgave (\\w+) \\w+ to ");
    private static final Pattern LIES = Pattern.compile("^\"(?:Yes\\. It is|I saw it|It lies) \\w+ the (\\w+),\"");
    private static final Pattern TO = Pattern.compile("\\bto the (\\w+)");
    private static final Pattern LIST = Pattern.compile("\\ban? \\w+ \\w+(?:, an? \\w+ \\w+)* and an? \\w+ \\w+");
    /** Things that are only in a joke or a soup. */
    private static final Pattern SAYING =
            Pattern.compile("(?i)into the pot|^\"(?:Why does the|Why was the|What did the) \\w+ .*\\?\"");

    private static final Pattern ECHO = Pattern.compile("\"(Say after me|I say): ([^!]*)!");
    private static final Pattern SPEECH = Pattern.compile("\"([^\"]*)\"");

    private static final Pattern LEARNT = Pattern.compile("What did you learn\\?");

    private final Language language;
    private final boolean strict;
    private final List<Remark> remarks = new ArrayList<>();
    private final Set<String> names = new HashSet<>();
    private final Map<String, String> looks = new HashMap<>();
    private final Set<String> told = new HashSet<>();
    private final Map<String, String> holder = new HashMap<>();
    private final Map<String, String> giver = new HashMap<>();
    private final Map<String, Integer> counts = new HashMap<>();
    private final Map<String, Integer> left = new HashMap<>();
    private final Map<String, String> foundAt = new HashMap<>();
    private final Map<String, String> seenAt = new HashMap<>();
    private final Map<String, String> metAt = new HashMap<>();
    private final Set<String> chants = new HashSet<>();
    private final StoryTracker memory = new StoryTracker();
    private String list;
    private String letter;
    private String echoed;
    private int lastCount;
    private int gift;
    private String lies;
    private String here;
    private String focus;
    private String now;
    private String previous = "";

    /** @param strict whether the story is also tracked */
    StoryReading(Language language, boolean strict, String text) {
        this.language = language;
        this.strict = strict;
        List<List<String>> sentences = Language.sentences(text);
        for (List<String> tokens : sentences) {
            if (tokens.get(0).startsWith("\n")) {
                focus = null;
                continue;
            }
            now = plain(tokens);
            sentence(tokens);
            previous = now;
        }
        List<String> last = sentences.isEmpty() ? List.of() : sentences.get(sentences.size() - 1);
        String end = last.isEmpty() ? "" : last.get(last.size() - 1);
        if (!Language.isEnd(end) && !end.equals("\"")) remark(Fault.UNFINISHED);
    }

    private void remark(Fault fault) {
        remarks.add(new Remark(fault, now == null ? "" : now));
    }

    private void sentence(List<String> tokens) {
        if (!language.hasSentence(tokens)) remark(Fault.SENTENCE);
        names(tokens);
        articles(tokens);
        things(tokens);
        places(tokens);
        numbers(tokens);
        chants(tokens);
        people(tokens);
        gifts();
        if (memory.track(now, focus) && strict) remark(Fault.PLACE);
        answers();
    }

    private void names(List<String> tokens) {
        for (int i = 0; i < tokens.size(); i++) {
            String t = tokens.get(i);
            if (!Language.isName(t)) {
                if (Character.isLetter(t.charAt(0)) && !language.isWord(Language.low(t)) && !t.equals("s"))
                    remark(Character.isUpperCase(t.charAt(0)) ? Fault.NAME : Fault.SENTENCE);
                continue;
            }
            String before = i > 0 ? tokens.get(i - 1) : "";
            String after = i + 2 < tokens.size() ? tokens.get(i + 1) + " " + tokens.get(i + 2) : "";
            boolean family = Words.WOMEN.contains(t) || Words.MEN.contains(t);
            boolean given = before.equals("named");
            boolean introduced = given
                    || before.equals("am")
                    || (before.equals("is") && now.contains("name is"))
                    || before.equals("friend")
                    || now.contains(" had a friend,")
                    || after.matches("was an?")
                    || now.contains("birthday")
                    || (family && before.matches("with|and"));
            if (given && i > 1) {
                String kind = tokens.get(i - 2);
                if (kind.equals("girl") && !Language.GIRLS.contains(t)) remark(Fault.PRONOUN);
                if (kind.equals("boy") && !Language.BOYS.contains(t)) remark(Fault.PRONOUN);
            }
            boolean isNew = names.add(t);
            if (isNew && !introduced) remark(Fault.NAME);
            if (!isNew && given) remark(Fault.NAME);
        }
    }

    private void articles(List<String> tokens) {
        for (int i = 0; i + 1 < tokens.size(); i++) {
            String a = Language.low(tokens.get(i));
            if (!a.equals("a") && !a.equals("an")) continue;
            String next = tokens.get(i + 1);
            if (Character.isLowerCase(next.charAt(0)) && !Words.a(next).startsWith(a + " ")) remark(Fault.ARTICLE);
        }
    }

    /** A thing is introduced before it is "the" one, and keeps its adjective; a list is repeated unchanged. */
    private void things(List<String> tokens) {
        for (int i = 1; i < tokens.size(); i++) {
            String noun = tokens.get(i);
            if (!Language.THINGS.contains(noun)) continue;
            String before = Language.low(tokens.get(i - 1));
            if (before.equals("the")
                    && !told.contains(noun)
                    && !SAYING.matcher(now).find()) remark(Fault.THING);
            told.add(noun);
            if (!Words.THING_ADJECTIVES.contains(before)) continue;
            String old = looks.putIfAbsent(noun, before);
            if (old != null && !old.equals(before)) remark(Fault.THING);
        }
        for (Matcher speech = SPEECH.matcher(now); speech.find(); ) {
            Matcher m = LIST.matcher(speech.group(1).replaceFirst("^An? ", "a "));
            if (!m.find()) continue;
            String said = m.group().replaceFirst("^an ", "a ");
            if (list == null) list = said;
            else if (!list.equals(said)) remark(Fault.CHANT);
        }
    }

    private void places(List<String> tokens) {
        for (int i = 2; i < tokens.size(); i++) {
            Place place = Language.PLACES.get(tokens.get(i));
            if (place == null || !Language.low(tokens.get(i - 1)).equals("the")) continue;
            String before = Language.low(tokens.get(i - 2));
            if (PREPOSITIONS.contains(before) && !before.equals(place.preposition())) remark(Fault.PLACE);
        }
        String narrated = narrated();
        Matcher to = TO.matcher(narrated);
        if (to.find() && Language.PLACES.containsKey(to.group(1))) {
            here = to.group(1);
            if (lies != null && !lies.equals(here)) remark(Fault.PLACE);
            lies = null;
        }
        Matcher there = LIES.matcher(now);
        if (there.find()) lies = there.group(1);
        if (narrated.endsWith(" home.")) here = "home";
        String at = placeIn(narrated);
        boolean finds = narrated.matches(".*\\b(found|saw|was lying|was under|was next|Under).*");
        for (String t : tokens) {
            if (finds && Language.THINGS.contains(t)) foundAt.put(t, at == null ? here : at);
            String many = Language.PLURAL.getOrDefault(t, MANY.contains(t) ? t : null);
            if (many != null && finds) seenAt.putIfAbsent(at == null ? String.valueOf(here) : at, many);
        }
    }

    private String narrated() {
        return now.replaceAll("\"[^\"]*\"?", "\"\"");
    }

    private String placeIn(String words) {
        Matcher m = Pattern.compile("(?i)\\b(?:in|by|on|under|behind|at) the (\\w+)")
                .matcher(words);
        while (m.find()) if (Language.PLACES.containsKey(m.group(1))) return m.group(1);
        return null;
    }

    private void numbers(List<String> tokens) {
        for (int i = 1; i < tokens.size(); i++) {
            int n = Words.number(tokens.get(i - 1));
            if (n == 1 && MANY.contains(tokens.get(i))) remark(Fault.NUMBER);
            if (n > 1 && Language.PLURAL.containsKey(tokens.get(i))) remark(Fault.NUMBER);
        }
        Matcher found = FOUND.matcher(now);
        while (found.find()) {
            int n = Words.number(found.group(1));
            String many = Language.PLURAL.getOrDefault(found.group(2), found.group(2));
            if (n == 0 || !MANY.contains(many)) continue;
            counts.putIfAbsent(many, n);
            left.putIfAbsent(many, n);
            lastCount = n;
        }
        for (Matcher sum = SUM.matcher(now); sum.find(); ) {
            int a = Words.number(sum.group(1));
            int b = Words.number(sum.group(3));
            int c = Words.number(sum.group(4));
            if (a == 0 || b == 0 || c != (sum.group(2).equals("and") ? a + b : a - b)) remark(Fault.NUMBER);
        }
        Matcher aloud = COUNTED.matcher(now);
        if (!aloud.find()) return;
        String[] counted = aloud.group(1).split(", ");
        for (int i = 0; i < counted.length; i++) {
            if (now.contains("go!") && counted[i].equals("go")) break;
            if (Words.number(counted[i]) != i + 1) {
                remark(Fault.NUMBER);
                return;
            }
        }
        if (now.endsWith(" counted.") && lastCount != 0 && counted.length != lastCount) remark(Fault.NUMBER);
    }

    /** Magic words are repeated unchanged; a letter is read as it was written. */
    private void chants(List<String> tokens) {
        StringBuilder said = new StringBuilder();
        List<String> all = new ArrayList<>();
        for (String t : tokens) {
            if (Language.isMagic(t)) {
                said.append(said.length() > 0 ? " " : "").append(Language.low(t));
            } else if (said.length() > 0) {
                all.add(said.toString());
                said.setLength(0);
            }
        }
        boolean teaches = now.contains("agic words")
                || now.contains("a song:")
                || now.contains("Say this")
                || (now.startsWith("\"") && previous.contains("agic words"));
        for (String c : all) if (chants.add(c) && !teaches) remark(Fault.CHANT);
        Matcher echo = ECHO.matcher(now);
        if (echo.find()) {
            if (echo.group(1).equals("Say after me")) echoed = echo.group(2);
            else if (!echo.group(2).equals(echoed)) remark(Fault.CHANT);
        }
        if (now.startsWith("It said: ")) letter = now.substring("It said: ".length());
        if (now.contains(" read it ")) {
            String again = now.substring(now.indexOf(": ") + 2);
            if (!again.equals(letter)) remark(Fault.CHANT);
        }
    }

    /** Checks the sentence's subject and the referents of its pronouns. */
    private void people(List<String> tokens) {
        String subject = null;
        boolean quoted = false;
        for (int i = 0; i < tokens.size(); i++) {
            String t = tokens.get(i);
            if (t.equals("\"")) quoted = !quoted;
            if (quoted) continue;
            String low = Language.low(t);
            String next = i + 1 < tokens.size() ? tokens.get(i + 1) : "";
            if (low.equals("he") || low.equals("she")) {
                String who = subject == null ? focus : subject;
                if (!low.equals(gender(who))) remark(Fault.PRONOUN);
                if (subject == null) subject = who == null ? "" : who;
            } else if (low.equals("his") || low.equals("her")) {
                if (!(low.equals("his") ? "he" : "she").equals(gender(subject))) remark(Fault.PRONOUN);
            } else if (subject == null && Language.isName(t)) {
                subject = t;
            } else if (subject == null && low.equals("the") && Language.isTrade(next)) {
                subject = "the " + next;
            } else if (subject == null && low.equals("said") && next.equals("the")) {
                subject =
                        i + 2 < tokens.size() && Language.isTrade(tokens.get(i + 2)) ? "the " + tokens.get(i + 2) : "";
            }
        }
        if (subject != null) focus = subject.isEmpty() ? null : subject;
    }

    private String gender(String who) {
        if (who == null || who.isEmpty()) return null;
        if (who.startsWith("the ")) return Words.HER_TRADES.contains(who.substring(4)) ? "she" : "he";
        return Language.GIRLS.contains(who) ? "she" : "he";
    }

    private void gifts() {
        String told = narrated();
        for (Matcher m = GAVE.matcher(told); m.find(); ) {
            String from = m.group(1).replace("The ", "the ");
            if (from.matches("[Hh]e|[Ss]he")) from = focus;
            String to = m.group(5);
            if (to.equals(from)) remark(Fault.THING);
            if (m.group(2) != null) {
                String had = holder.put(m.group(2), to);
                if (had != null && from != null && !had.equals(from)) remark(Fault.THING);
                giver.put(m.group(2) + " to " + to, from);
            } else if (Words.number(m.group(3)) > 0) {
                String many = Language.PLURAL.getOrDefault(m.group(4), m.group(4));
                int n = Words.number(m.group(3));
                left.computeIfPresent(many, (k, had) -> had - n);
            }
        }
        Matcher rest = LEFT.matcher(told);
        if (rest.find()) {
            Integer have = left.get(Language.PLURAL.getOrDefault(rest.group(2), rest.group(2)));
            if (have != null && have != Words.number(rest.group(1))) remark(Fault.NUMBER);
        }
        Matcher ate = ATE.matcher(told);
        if (ate.find() && gift != Words.number(ate.group(1)) + Words.number(ate.group(2))) remark(Fault.NUMBER);
        Matcher given = GIFT.matcher(told);
        if (given.find() && Words.number(given.group(1)) > 0) gift = Words.number(given.group(1));
        Matcher met = Pattern.compile("(?:met|saw) .*named (\\w+)\\.|met (the \\w+)\\.")
                .matcher(told);
        if (met.find() && here != null) metAt.put(here, met.group(1) != null ? met.group(1) : met.group(2));
    }

    /** The answer to "Where did you find the kite?" has to match the story. */
    private void answers() {
        Matcher speech = SPEECH.matcher(now);
        if (!speech.find()) return;
        String said = Language.low(speech.group(1)).replaceAll("[,!]$", "");
        if (strict) {
            boolean learnt = !LEARNT.matcher(previous).find() || chants.contains(said);
            if (!learnt || !memory.isTrue(previous, said)) remark(Fault.ANSWER);
            return;
        }
        Matcher where = Pattern.compile("Where did you find the (\\w+)\\?").matcher(previous);
        if (where.find()) {
            String is = foundAt.get(where.group(1));
            if (is != null && !said.endsWith("the " + is)) remark(Fault.ANSWER);
        }
        Matcher many = Pattern.compile("How many (\\w+) did you find\\?").matcher(previous);
        if (many.find()) {
            Integer n = counts.get(many.group(1));
            if (n == null || !said.startsWith(Words.number(n) + " ")) remark(Fault.ANSWER);
        }
        Matcher who = Pattern.compile("Who has the (\\w+) now\\?").matcher(previous);
        if (who.find()) {
            String is = holder.get(who.group(1));
            if (is != null && !said.equals(Language.low(is) + " has it")) remark(Fault.ANSWER);
        }
        Matcher met = Pattern.compile("Who did you meet \\w+ the (\\w+)\\?").matcher(previous);
        if (met.find()) {
            String is = metAt.get(met.group(1));
            if (is != null && !said.equals(Language.low(is))) remark(Fault.ANSWER);
        }
        Matcher gave = Pattern.compile("Who gave you the (\\w+)\\?").matcher(previous);
        if (gave.find()) {
            String key = gave.group(1) + " to ";
            Set<String> is = giver.entrySet().stream()
                    .filter(e -> e.getKey().startsWith(key))
                    .map(Map.Entry::getValue)
                    .filter(Objects::nonNull)
                    .map(Language::low)
                    .collect(Collectors.toSet());
            if (!is.isEmpty() && !is.contains(said)) remark(Fault.ANSWER);
        }
    }

    List<Remark> remarks() {
        return remarks;
    }

    /** The sentence as text. */
    private static String plain(List<String> tokens) {
        StringBuilder out = new StringBuilder();
        boolean quoted = false;
        for (int i = 0; i < tokens.size(); i++) {
            String t = tokens.get(i);
            boolean opens = t.equals("\"") && !quoted;
            boolean glued = i == 0
                    || (t.length() == 1 && ".,!?:';".contains(t))
                    || (t.equals("\"") && quoted)
                    || (tokens.get(i - 1).equals("\"") && quoted)
                    || tokens.get(i - 1).equals("'");
            if (t.equals("\"")) quoted = !quoted;
            if (!glued || (opens && i > 0)) out.append(' ');
            out.append(t);
        }
        return out.toString();
    }
}
