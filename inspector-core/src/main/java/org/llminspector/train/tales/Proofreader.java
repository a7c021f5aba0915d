package org.llminspector.train.tales;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Proofreader reads a story as the tales' grammar and world would have it, and notes what is wrong. Safe on any thread.
 *
 * <p>It knows nothing about how a story was made: only its text. A real tale has no fault, which a test keeps, but for
 * the few sentences so rare that the language has not learnt them.
 */
public final class Proofreader {

    /** What can be wrong with a story. */
    public enum Fault {
        /** A sentence that the language does not have. */
        SENTENCE,
        /** A name that nobody has been given. */
        NAME,
        /** A he or she who was a she or he, or who could be nobody. */
        PRONOUN,
        /** "a" for "an". */
        ARTICLE,
        /** A thing that changes its looks, or is given by one who does not have it. */
        THING,
        /** A place that changes its looks, or where one is in the wrong way ("on the cave"). */
        PLACE,
        /** Numbers that do not add up, or a count that leaves a number out. */
        NUMBER,
        /** Magic words that come back changed. */
        CHANT,
        /** The story breaks off. */
        UNFINISHED
    }

    /** Remark is one fault and the sentence it is in. */
    public record Remark(Fault fault, String sentence) {}

    private static final int STORIES = 5000;

    private final Language language;

    /** Learns the language from the training split's first stories: about two seconds. */
    public Proofreader(Tales tales) {
        this(Language.learn(tales, STORIES));
    }

    Proofreader(Language language) {
        this.language = language;
    }

    /** All that is wrong with a whole story, in its order. */
    public List<Remark> read(String text) {
        return new Reading(text).remarks;
    }

    /** The kinds of fault in a story. */
    public Set<Fault> faults(String text) {
        Set<Fault> faults = EnumSet.noneOf(Fault.class);
        read(text).forEach(r -> faults.add(r.fault()));
        return faults;
    }

    private static final Pattern INTRODUCED = Pattern.compile(
            "named ([A-Z][a-z]+)|(?:I am|[Mm]y name is) ([A-Z][a-z]+)|It was ([A-Z][a-z]+)'|go to ([A-Z][a-z]+) the "
                    + "|(?:^|\\n)([A-Z][a-z]+) was an? ");
    private static final Pattern POSSESSIVE = Pattern.compile(" (his|her) [a-z]+");
    private static final Pattern OBJECT = Pattern.compile(" (him|her)[.,:]");
    private static final Pattern GAVE =
            Pattern.compile("^(\\S+|[Tt]he \\w+) gave the (\\w+ \\w+) to (\\S+?|the \\w+)\\.$");
    private static final Pattern GATHERED = Pattern.compile("^(?:There )?(\\S+) gathered (\\w+) (\\w+)\\.$");
    private static final Pattern SHARED = Pattern.compile("^(\\S+) gave (\\w+) (\\w+) to ");
    private static final Pattern LEFT = Pattern.compile(" had (\\w+) (\\w+) left\\.$");

    /** Reading is one story's reading: the state of the world as far as the text has told it. */
    private final class Reading {

        final List<Remark> remarks = new ArrayList<>();
        private final Set<String> names = new HashSet<>();
        private final Map<String, String> gender = new HashMap<>();
        private final Map<String, String> looks = new HashMap<>();
        private final Map<String, String> holder = new HashMap<>();
        private final Map<String, Integer> gathered = new HashMap<>();
        private final Set<String> chants = new HashSet<>();
        private int lastCount;
        private String focus;
        private Set<String> before = new HashSet<>();
        private String now;

        Reading(String text) {
            for (Matcher m = INTRODUCED.matcher(text); m.find(); ) introduce(m);
            int at = 0;
            List<List<String>> sentences = Language.sentences(text);
            for (List<String> tokens : sentences) {
                if (tokens.get(0).startsWith("\n")) {
                    focus = null;
                    before = new HashSet<>();
                    at = text.indexOf(tokens.get(0), at) + tokens.get(0).length();
                    continue;
                }
                now = plain(tokens);
                sentence(tokens);
            }
            List<String> last = sentences.isEmpty() ? List.of() : sentences.get(sentences.size() - 1);
            String end = last.isEmpty() ? "" : last.get(last.size() - 1);
            if (!Language.isEnd(end) && !end.equals("\"")) remark(Fault.UNFINISHED);
        }

        private void introduce(Matcher m) {
            for (int g = 1; g <= m.groupCount(); g++) {
                if (m.group(g) == null) continue;
                String name = m.group(g);
                if (language.isWord(name.toLowerCase(Locale.ROOT))) continue;
                names.add(name);
                if (Words.GIRLS.contains(name)) gender.put(name, "she");
                if (Words.BOYS.contains(name)) gender.put(name, "he");
            }
        }

        private void sentence(List<String> tokens) {
            if (!language.hasSentence(tokens, names)) remark(Fault.SENTENCE);
            namesAreKnown(tokens);
            articles(tokens);
            looks(tokens);
            chant(tokens);
            String told = now.replaceAll("\"[^\"]*\"?", "\"\"");
            people(told);
            things(told);
            numbers(told);
        }

        private void remark(Fault fault) {
            remarks.add(new Remark(fault, now == null ? "" : now));
        }

        private void namesAreKnown(List<String> tokens) {
            boolean quoted = false;
            for (int i = 0; i < tokens.size(); i++) {
                String t = tokens.get(i);
                if (t.equals("\"")) quoted = !quoted;
                if (!Character.isUpperCase(t.charAt(0)) || names.contains(t)) continue;
                if (language.isWord(t.toLowerCase(Locale.ROOT))) continue;
                boolean begins = i == 0
                        || tokens.get(i - 1).equals("\"")
                        || Language.isEnd(tokens.get(i - 1))
                        || tokens.get(i - 1).equals(":");
                boolean called = i + 1 < tokens.size() && tokens.get(i + 1).equals(",");
                boolean chant =
                        quoted && ((begins && !called) || tokens.get(i - 1).equals("is"));
                if (!chant) remark(Fault.NAME);
            }
        }

        private void articles(List<String> tokens) {
            for (int i = 0; i + 1 < tokens.size(); i++) {
                String a = tokens.get(i).toLowerCase(Locale.ROOT);
                if (!a.equals("a") && !a.equals("an")) continue;
                String next = tokens.get(i + 1);
                if (Character.isLowerCase(next.charAt(0)) && !Words.a(next).startsWith(a + " ")) remark(Fault.ARTICLE);
            }
        }

        /** A noun of a place or thing keeps its adjective, and a place its preposition. */
        private void looks(List<String> tokens) {
            for (int i = 2; i < tokens.size(); i++) {
                String noun = tokens.get(i);
                String adjective = tokens.get(i - 1);
                Place place = PLACES.get(noun);
                boolean thing = THINGS.contains(noun);
                boolean described = place != null
                        ? Words.PLACE_ADJECTIVES.contains(adjective)
                        : thing && Words.THING_ADJECTIVES.contains(adjective);
                if (!described) continue;
                String old = looks.putIfAbsent(noun, adjective);
                if (old != null && !old.equals(adjective)) remark(place != null ? Fault.PLACE : Fault.THING);
                if (place == null || i < 3) continue;
                String preposition = tokens.get(i - 3).toLowerCase(Locale.ROOT);
                if (PREPOSITIONS.contains(preposition) && !preposition.equals(place.preposition())) remark(Fault.PLACE);
            }
        }

        /** Words that no dictionary has are said again as they were said first. */
        private void chant(List<String> tokens) {
            boolean quoted = false;
            StringBuilder said = new StringBuilder();
            List<String> here = new ArrayList<>();
            for (String t : tokens) {
                if (t.equals("\"")) quoted = !quoted;
                boolean strange = quoted
                        && Character.isLetter(t.charAt(0))
                        && !names.contains(t)
                        && !language.isWord(t.toLowerCase(Locale.ROOT));
                if (strange) {
                    said.append(said.length() > 0 ? " " : "").append(t);
                } else if (said.length() > 0) {
                    here.add(said.toString());
                    said.setLength(0);
                }
            }
            if (here.isEmpty()) return;
            boolean first = tokens.get(0).equals("\"")
                    && tokens.stream().filter(t -> t.equals("\"")).count() == 2
                    && tokens.get(tokens.size() - 1).equals("\"");
            boolean teaches = first
                    || now.contains("word is")
                    || tokens.stream().anyMatch(t -> t.equals("singing") || t.equals("sang"));
            for (String c : here) {
                if (!chants.contains(c) && !(teaches && !(now.contains(" sang it") || now.contains("Then "))))
                    remark(Fault.CHANT);
                chants.add(c);
            }
        }

        /** Who the sentence is about, and who its pronouns can be. */
        private void people(String told) {
            Set<String> here = new HashSet<>();
            String subject = null;
            Matcher m = MENTION.matcher(told);
            while (m.find()) {
                String word = m.group();
                String who = null;
                if (word.equalsIgnoreCase("he") || word.equalsIgnoreCase("she")) {
                    String pronoun = word.toLowerCase(Locale.ROOT);
                    who = subject == null ? focus : subject;
                    if (who == null || !pronoun.equals(gender.computeIfAbsent(who, k -> pronoun)))
                        remark(Fault.PRONOUN);
                } else if (names.contains(word)) {
                    who = word;
                } else if (m.group(1) != null && Language.isTrade(m.group(1))) {
                    who = "the " + m.group(1);
                } else if (m.group(2) != null && Language.isTrade(m.group(2))) {
                    who = "the " + m.group(2);
                } else if (m.group(3) != null) {
                    kind(m.group(3), m.group(4));
                    who = m.group(4);
                } else if (m.group(1) != null && subject == null && told.contains(" said the ")) {
                    subject = "";
                }
                if (who == null) continue;
                here.add(who);
                if (subject == null) subject = who;
            }
            if (subject == null) return;
            for (Matcher called = NAME.matcher(now); called.find(); )
                if (names.contains(called.group())) here.add(called.group());
            if (!subject.isEmpty()) pronouns(told, subject, here);
            focus = subject.isEmpty() ? null : subject;
            before = here;
        }

        private void kind(String kind, String name) {
            String is = kind.equals("girl") ? "she" : kind.equals("boy") ? "he" : null;
            if (is != null && !is.equals(gender.computeIfAbsent(name, k -> is))) remark(Fault.PRONOUN);
        }

        private void pronouns(String told, String subject, Set<String> here) {
            Matcher own = POSSESSIVE.matcher(told);
            if (own.find()) {
                String is = own.group(1).equals("his") ? "he" : "she";
                if (!is.equals(gender.computeIfAbsent(subject, k -> is))) remark(Fault.PRONOUN);
            }
            Matcher object = OBJECT.matcher(told);
            if (!object.find()) return;
            String is = object.group(1).equals("him") ? "he" : "she";
            List<String> others = Stream.concat(here.stream(), before.stream())
                    .distinct()
                    .filter(p ->
                            !p.equals(subject) && gender.getOrDefault(p, is).equals(is))
                    .toList();
            if (others.isEmpty()) remark(Fault.PRONOUN);
            else if (others.size() == 1) gender.put(others.get(0), is);
            here.addAll(others);
        }

        private void things(String told) {
            Matcher m = GAVE.matcher(told);
            if (!m.find()) return;
            String from = m.group(1).matches("He|She") ? focus : m.group(1).replace("The ", "the ");
            String to = m.group(3).matches("him|her") ? null : m.group(3);
            String had = holder.put(m.group(2), to);
            if (had != null && from != null && !had.equals(from)) remark(Fault.THING);
        }

        private void numbers(String told) {
            Matcher g = GATHERED.matcher(told);
            if (g.find() && Language.isNumber(g.group(2))) {
                lastCount = value(g.group(2));
                gathered.put(g.group(3), lastCount);
            }
            Matcher s = SHARED.matcher(told);
            if (s.find() && Language.isNumber(s.group(2))) {
                String many = PLURAL.getOrDefault(s.group(3), s.group(3));
                gathered.computeIfPresent(many, (k, n) -> n - value(s.group(2)));
            }
            Matcher left = LEFT.matcher(told);
            if (left.find() && Language.isNumber(left.group(1))) {
                Integer have = gathered.get(PLURAL.getOrDefault(left.group(2), left.group(2)));
                if (have != null && have != value(left.group(1))) remark(Fault.NUMBER);
            }
            Matcher aloud = COUNTED.matcher(now);
            if (!aloud.find()) return;
            String[] counted = aloud.group(1).toLowerCase(Locale.ROOT).split(", ");
            for (int i = 0; i < counted.length; i++) {
                if (!Language.isNumber(counted[i]) || value(counted[i]) != i + 1) {
                    remark(Fault.NUMBER);
                    return;
                }
            }
            if (now.endsWith(" counted.") && lastCount != 0 && counted.length != lastCount) remark(Fault.NUMBER);
        }
    }

    private static final Pattern MENTION = Pattern.compile(
            "\\b(?:[Hh]e|[Ss]he)\\b|\\b[Tt]he (\\w+)\\b(?! \\w+ (?:named))|\\b[Aa]n? \\w+ (\\w+)\\b(?! named)|\\b[Aa]n? \\w+ (\\w+) named ([A-Z][a-z]+)|\\b[A-Z][a-z]+\\b");
    private static final Pattern NAME = Pattern.compile("[A-Z][a-z]+");
    private static final Pattern COUNTED = Pattern.compile("\"(One(?:, \\w+)+)[,!]\"");
    private static final Set<String> PREPOSITIONS = Set.of("in", "by", "on", "under", "behind", "at");
    private static final Map<String, Place> PLACES =
            Words.PLACES.stream().collect(java.util.stream.Collectors.toUnmodifiableMap(Place::noun, p -> p));
    private static final Set<String> THINGS =
            Words.THINGS.stream().map(Thing::noun).collect(java.util.stream.Collectors.toUnmodifiableSet());
    private static final Map<String, String> PLURAL = Stream.of(Words.FOODS, Words.FINDS, Words.CREATURES)
            .flatMap(List::stream)
            .collect(java.util.stream.Collectors.toUnmodifiableMap(Group::one, Group::many));

    private static int value(String number) {
        for (int n = 1; n <= 12; n++) if (Words.number(n).equals(number)) return n;
        throw new IllegalArgumentException(number);
    }

    /** The sentence as it is written. */
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
