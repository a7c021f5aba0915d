package org.llminspector.train.tales;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.llminspector.train.Corpus.Split;

/**
 * Language is how the tales are written, learnt from many of them: their words, and their sentences' skeletons.
 *
 * <p>A skeleton is a sentence with names, places, things, numbers and other free choices replaced by what they are. A
 * sentence whose skeleton no tale has is not in the tales' grammar, or is very rare in it.
 */
final class Language {

    private static final Pattern TOKEN = Pattern.compile("\\n+|[A-Za-z]+|[^\\sA-Za-z]");
    private static final Set<String> TRADES = Set.copyOf(Words.TRADES);
    private static final Map<String, String> CLASS = classes();
    private static final Set<String> NUMBERS =
            Stream.iterate(1, n -> n <= 12, n -> n + 1).map(Words::number).collect(Collectors.toUnmodifiableSet());
    private static final List<String> PURPOSES = Words.THINGS.stream()
            .map(Thing::purpose)
            .flatMap(p -> Stream.of(p, p.replace(" my ", " his ")))
            .distinct()
            .toList();

    /** In so many of a thousand tales a word of the language is heard; chance makes no magic word as often. */
    private static final double COMMON = 8;

    private final Set<String> words = new HashSet<>();
    private final Set<String> skeletons = new HashSet<>();

    private Language() {}

    static Language learn(Tales tales, int stories) {
        Language language = new Language();
        Map<String, Integer> heard = new HashMap<>();
        List<Tale> read = new ArrayList<>();
        for (int i = 0; i < stories; i++) {
            Tale tale = tales.tale(Split.TRAIN, i);
            read.add(tale);
            Set<String> spoken = new HashSet<>();
            Set<String> own = tale.cast().stream().map(Person::name).collect(Collectors.toSet());
            boolean quoted = false;
            for (Matcher m = TOKEN.matcher(tale.text()); m.find(); ) {
                String word = m.group();
                if (word.equals("\"")) quoted = !quoted;
                else if (!quoted && Character.isLowerCase(word.charAt(0))) language.words.add(word);
                else if (!quoted && Character.isLetter(word.charAt(0)) && !own.contains(word))
                    language.words.add(low(word));
                else if (quoted && Character.isLetter(word.charAt(0))) spoken.add(low(word));
            }
            for (String word : spoken) heard.merge(word, 1, Integer::sum);
        }
        heard.forEach((word, tellings) -> {
            if (tellings >= COMMON * stories / 1000) language.words.add(word);
        });
        PURPOSES.forEach(p -> language.words.addAll(List.of(p.split(" "))));
        // Names that are often heard are no words.
        Stream.concat(Words.GIRLS.stream(), Words.BOYS.stream())
                .map(Language::low)
                .forEach(language.words::remove);
        for (Tale tale : read) {
            Set<String> own = tale.cast().stream().map(Person::name).collect(Collectors.toSet());
            for (List<String> sentence : sentences(tale.text()))
                language.skeletons.add(language.skeleton(sentence, own));
        }
        return language;
    }

    static String low(String word) {
        return word.toLowerCase(Locale.ROOT);
    }

    boolean isWord(String word) {
        return words.contains(word) || CLASS.containsKey(word);
    }

    /** Whether some tale has such a sentence. */
    boolean hasSentence(List<String> sentence, Set<String> names) {
        return skeletons.contains(skeleton(sentence, names));
    }

    static boolean isTrade(String word) {
        return TRADES.contains(word);
    }

    static boolean isNumber(String word) {
        return NUMBERS.contains(word);
    }

    /** A text's sentences, each as words and marks; a paragraph's break is a sentence of its own. */
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

    static boolean isEnd(String mark) {
        return mark.equals(".") || mark.equals("!") || mark.equals("?");
    }

    String skeleton(List<String> sentence, Set<String> names) {
        StringBuilder out = new StringBuilder();
        boolean quoted = false;
        for (int i = 0; i < sentence.size(); i++) {
            String t = sentence.get(i);
            if (t.equals("\"")) quoted = !quoted;
            String lower = low(t);
            String piece;
            if (names.contains(t)) piece = "N";
            else if (t.equals("s") && i > 0 && sentence.get(i - 1).equals("'")) piece = "";
            else if (CLASS.containsKey(lower)) piece = CLASS.get(lower);
            else if (Character.isLetter(t.charAt(0)) && quoted && !words.contains(lower)) piece = "X";
            else piece = lower;
            out.append(piece).append(' ');
        }
        String s = out.toString();
        s = s.replaceAll("X (X )*", "X ").replaceAll("(X ! )+", "X ! ");
        s = s.replace("X , X !", "X !").replaceAll("# (, # )+", "## ");
        for (String p : PURPOSE_CLASSES) s = s.replace(p, "PURPOSE ");
        s = s.replaceAll("(?:a J T , )*a J T and a J T", "LIST")
                .replaceAll("(?:the J T , )*the J T and the J T", "LIST");
        return s.replaceAll("PREP the J P", "AT");
    }

    private static final List<String> PURPOSE_CLASSES = purposes();

    private static List<String> purposes() {
        return PURPOSES.stream()
                .map(p -> "to "
                        + Stream.of(p.split(" "))
                                .map(w -> CLASS.getOrDefault(w, w))
                                .collect(Collectors.joining(" ")) + " ")
                .sorted((a, b) -> b.length() - a.length())
                .toList();
    }

    private static Map<String, String> classes() {
        Map<String, String> c = new HashMap<>();
        Words.PLACE_ADJECTIVES.forEach(w -> c.put(w, "J"));
        Words.THING_ADJECTIVES.forEach(w -> c.put(w, "J"));
        Words.AGES.forEach(w -> c.put(w, "J"));
        Words.TRAITS.forEach(w -> c.put(w, "J"));
        List.of("windy", "rainy", "warm", "foggy").forEach(w -> c.put(w, "J"));
        List.of("strange", "loud", "soft").forEach(w -> c.put(w, "J"));
        Words.PLACES.forEach(p -> c.put(p.noun(), "P"));
        Words.PLACES.forEach(p -> c.put(p.preposition(), "PREP"));
        Words.THINGS.forEach(t -> c.put(t.noun(), "T"));
        Words.ANIMALS.forEach(w -> c.put(w, "C"));
        Words.TRADES.forEach(w -> c.put(w, "C"));
        List.of("girl", "boy").forEach(w -> c.put(w, "C"));
        Stream.of(Words.FOODS, Words.FINDS, Words.CREATURES)
                .flatMap(List::stream)
                .forEach(g -> {
                    c.put(g.one(), "K");
                    c.put(g.many(), "K");
                });
        for (int n = 1; n <= 12; n++) c.put(Words.number(n), "#");
        List.of("he", "she").forEach(w -> c.put(w, "HE"));
        List.of("him", "her", "his").forEach(w -> c.put(w, "HIS"));
        List.of("walked", "ran", "went", "marched", "skipped").forEach(w -> c.put(w, "WENT"));
        c.put("whispered", "said");
        c.put("an", "a");
        List.of("happy", "sad", "angry", "afraid", "worried", "tired", "surprised")
                .forEach(w -> c.put(w, "F"));
        List.of("morning", "afternoon", "evening", "day").forEach(w -> c.put(w, "DAY"));
        return Map.copyOf(c);
    }
}
