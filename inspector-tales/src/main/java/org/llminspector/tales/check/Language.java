package org.llminspector.tales.check;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.llminspector.tales.corpus.Tales;
import org.llminspector.tales.words.Group;
import org.llminspector.tales.words.Place;
import org.llminspector.tales.words.Thing;
import org.llminspector.tales.words.Words;
import org.llminspector.train.Corpus.Split;

/**
 * The tales' vocabulary and sentence skeletons, learned from many of them.
 *
 * <p>A skeleton is a sentence with names, places, things, numbers and other free choices replaced by their categories.
 * A sentence whose skeleton no tale has is outside the tales' grammar, or very rare in it.
 */
final class Language {

    private static final Pattern TOKEN = Pattern.compile("\\n+|[A-Za-z]+|[^\\sA-Za-z]");
    static final Set<String> GIRLS = union(Words.GIRLS, Words.WOMEN);
    static final Set<String> BOYS = union(Words.BOYS, Words.MEN);
    static final Map<String, Place> PLACES = Stream.concat(Words.PLACES.stream(), Words.HOMES.stream())
            .collect(Collectors.toUnmodifiableMap(Place::noun, p -> p, (a, b) -> a));
    static final Set<String> THINGS = Words.THINGS.stream().map(Thing::noun).collect(Collectors.toUnmodifiableSet());
    static final Map<String, String> PLURAL = Stream.of(Words.FOODS, Words.FINDS, Words.CREATURES)
            .flatMap(List::stream)
            .collect(Collectors.toUnmodifiableMap(Group::one, Group::many));
    private static final Set<String> MAGIC = Set.copyOf(Words.MAGIC);
    private static final Map<String, String> CLASS = classes();
    private static final List<String> PURPOSES =
            Words.THINGS.stream().map(Thing::purpose).toList();

    private final Set<String> words = new HashSet<>();
    private final Set<String> skeletons = new HashSet<>();

    private Language() {}

    private static Set<String> union(List<String> a, List<String> b) {
        return Stream.concat(a.stream(), b.stream()).collect(Collectors.toUnmodifiableSet());
    }

    static Language learn(Tales tales, int stories) {
        Language language = new Language();
        for (int i = 0; i < stories; i++) {
            for (List<String> sentence : sentences(tales.document(Split.TRAIN, i))) {
                sentence.stream()
                        .filter(w -> !isName(w) && Character.isLetter(w.charAt(0)))
                        .map(Language::low)
                        .forEach(language.words::add);
                language.skeletons.add(skeleton(sentence));
            }
        }
        return language;
    }

    static String low(String word) {
        return word.toLowerCase(Locale.ROOT);
    }

    boolean isWord(String word) {
        return words.contains(word);
    }

    /** Whether some tale has a sentence with this skeleton. */
    boolean hasSentence(List<String> sentence) {
        return skeletons.contains(skeleton(sentence));
    }

    static boolean isName(String word) {
        return GIRLS.contains(word) || BOYS.contains(word);
    }

    static boolean isTrade(String word) {
        return Words.TRADES.contains(word);
    }

    static boolean isMagic(String word) {
        return MAGIC.contains(low(word));
    }

    /** A text's sentences, each as words and punctuation; a paragraph break is a sentence of its own. */
    static List<List<String>> sentences(String text) {
        List<String> tokens = new ArrayList<>();
        for (Matcher m = TOKEN.matcher(text); m.find(); ) tokens.add(m.group());
        List<List<String>> sentences = new ArrayList<>();
        List<String> now = new ArrayList<>();
        boolean quoted = false;
        for (int i = 0; i < tokens.size(); i++) {
            String t = tokens.get(i);
            if (t.startsWith("\n")) {
                if (!now.isEmpty()) sentences.add(now);
                sentences.add(List.of(t));
                now = new ArrayList<>();
                quoted = false;
                continue;
            }
            now.add(t);
            String next = i + 1 < tokens.size() ? tokens.get(i + 1) : "\n";
            boolean closes = t.equals("\"") && quoted;
            if (t.equals("\"")) quoted = !quoted;
            boolean full = !quoted && isEnd(t);
            boolean after = closes && i > 0 && isEnd(tokens.get(i - 1)) && !Character.isLowerCase(next.charAt(0));
            if (full || after) {
                sentences.add(now);
                now = new ArrayList<>();
            }
        }
        if (!now.isEmpty()) sentences.add(now);
        return sentences;
    }

    /** The character offset at which each sentence ends. */
    static List<Integer> ends(String text) {
        List<Integer> ofTokens =
                TOKEN.matcher(text).results().map(MatchResult::end).toList();
        List<Integer> ends = new ArrayList<>();
        int read = 0;
        for (List<String> sentence : sentences(text)) {
            read += sentence.size();
            if (!sentence.get(0).startsWith("\n")) ends.add(ofTokens.get(read - 1));
        }
        return ends;
    }

    static boolean isEnd(String mark) {
        return mark.equals(".") || mark.equals("!") || mark.equals("?");
    }

    static String skeleton(List<String> sentence) {
        StringBuilder out = new StringBuilder();
        for (int i = 0; i < sentence.size(); i++) {
            String t = sentence.get(i);
            String lower = low(t);
            if (isName(t)) out.append("N");
            else if (t.equals("s") && i > 0 && sentence.get(i - 1).equals("'")) continue;
            else if (MAGIC.contains(lower)) out.append("X");
            else out.append(CLASS.getOrDefault(lower, lower));
            out.append(' ');
        }
        String s = out.toString();
        s = s.replaceAll("X (X )*", "X ").replaceAll("(X ! )+", "X ! ").replaceAll("# (, # )+", "## ");
        s = s.replaceAll("say (after me )?: (?:[TCPK] , )+[TCPK] ", "say $1: WORDS ");
        for (String p : PURPOSE_CLASSES) s = s.replace(p, "PURPOSE ");
        s = s.replaceAll("(?:a J T , )*a J T and a J T", "LIST").replaceAll("(?:# K , )*# K and # K", "LIST");
        return s.replaceAll("PREP the P", "AT");
    }

    private static final List<String> PURPOSE_CLASSES = purposes();

    private static List<String> purposes() {
        return PURPOSES.stream()
                .map(p -> Stream.of(p.split(" "))
                                .map(w -> CLASS.getOrDefault(w, w))
                                .collect(Collectors.joining(" ")) + " ")
                .sorted((a, b) -> b.length() - a.length())
                .toList();
    }

    private static Map<String, String> classes() {
        Map<String, String> c = new HashMap<>();
        Words.HOUSES.forEach(w -> c.put(w, "J"));
        Words.THING_ADJECTIVES.forEach(w -> c.put(w, "J"));
        Words.TRAITS.forEach(w -> c.put(w, "J"));
        Stream.concat(Words.PLACES.stream(), Words.HOMES.stream()).forEach(p -> {
            c.put(p.noun(), "P");
            c.put(p.preposition(), "PREP");
        });
        Words.THINGS.forEach(t -> c.put(t.noun(), "T"));
        Words.HEAVY.forEach(w -> c.put(w, "HEAVY"));
        Words.ANIMALS.forEach(w -> c.put(w, "C"));
        Words.TRADES.forEach(w -> c.put(w, "C"));
        List.of("girl", "boy").forEach(w -> c.put(w, "C"));
        Stream.of(Words.FOODS, Words.FINDS, Words.CREATURES)
                .flatMap(List::stream)
                .forEach(g -> {
                    c.put(g.one(), "K");
                    c.put(g.many(), "K");
                });
        for (int n = 1; n <= Words.MOST; n++) c.put(Words.number(n), "#");
        List.of("he", "she").forEach(w -> c.put(w, "HE"));
        List.of("him", "her", "his").forEach(w -> c.put(w, "HIS"));
        List.of("walked", "ran", "went", "marched", "skipped", "danced").forEach(w -> c.put(w, "WENT"));
        List.of("windy", "sunny", "warm", "foggy", "cold").forEach(w -> c.put(w, "J"));
        List.of("morning", "afternoon", "evening", "day").forEach(w -> c.put(w, "DAY"));
        c.put("whispered", "said");
        c.put("an", "a");
        List.of("happy", "sad", "angry", "afraid", "worried", "tired", "surprised", "bored")
                .forEach(w -> c.put(w, "F"));
        return Map.copyOf(c);
    }
}
