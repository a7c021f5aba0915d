package org.llminspector.tales.plot;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.llminspector.tales.words.Chant;
import org.llminspector.tales.words.ChoiceSource;
import org.llminspector.tales.words.Group;
import org.llminspector.tales.words.Person;
import org.llminspector.tales.words.Place;
import org.llminspector.tales.words.Thing;
import org.llminspector.tales.words.Words;
import org.llminspector.train.corpus.Corpus.Choice;
import org.llminspector.train.corpus.Corpus.Span;

/**
 * Writer of sentences that uses a pronoun only where its referent is unambiguous, and records repeated and drawn words.
 *
 * <p>A sentence is a pattern. {@code [a|b]} is a choice. {@code {1}} is the first argument:
 *
 * <pre>
 * a Person    {1} the subject, by name or pronoun      {1n} the subject by name      {1o} an object, by name or pronoun
 *             {1!} as they are called within speech    {1's} whose                   {1a} as first met
 *             {1p} by name, whatever the subject is     {1:said} "said Ida", "she said"
 *             {1s} she, again in a sentence            {1k} fox
 * a Thing     {1} the kite    {1a} a blue kite    {1f} the blue kite    {1k} kite
 * a Place     {1} the mill    {1at} in the mill
 * a Group     {1} seven apples     {1k} apples     {1#} seven
 * </pre>
 *
 * {@code {1=}} is written like {@code {1}}, for a value that follows from the text before, such as a sum.
 */
final class Prose {

    private static final Pattern WORD = Pattern.compile("[A-Za-z]+");

    private static final char MARK = '\ue000'; // the first of Unicode's private use characters

    private final ChoiceSource dice;
    private final WordAlternatives draws;
    private final StringBuilder text = new StringBuilder();
    private final List<Span> determined = new ArrayList<>();
    private final List<Span> counted = new ArrayList<>();
    private final List<Choice> choices = new ArrayList<>();
    private final Set<Object> told = new HashSet<>();
    /** The last sentence's subject, and everyone that it mentioned. */
    private Person focus;

    private Set<Person> before = new HashSet<>();
    private Set<Person> here = new HashSet<>();
    private Person subject;
    private boolean fresh = true;
    private int words;
    private int sentences;

    Prose(ChoiceSource dice, WordAlternatives draws) {
        this.dice = dice;
        this.draws = draws;
    }

    int words() {
        return words;
    }

    /** Sentences since the paragraph began. */
    int sentences() {
        return sentences;
    }

    @Override
    public String toString() {
        return text.toString();
    }

    /** Spans that follow from the text before them. */
    List<Span> determined() {
        return List.copyOf(determined);
    }

    /**
     * Spans that a reader can know from the text before, or where the words before show that the next word must be new,
     * or need not be: answers and sums, repetitions, beginnings of paragraphs, names and slots of places and things.
     * The words before determine which spans these are, so a higher loss weight does not change the optimal
     * probabilities.
     */
    List<Span> counted() {
        return List.copyOf(counted);
    }

    /** The words drawn from several, with their alternatives. */
    List<Choice> choices() {
        return List.copyOf(choices);
    }

    /** Begins a new paragraph: the first person mentioned is named again. */
    void paragraph() {
        fresh = true;
        sentences = 0;
        focus = null;
        before = new HashSet<>();
    }

    /** After "they", the next person mentioned is named again. */
    void all() {
        focus = null;
    }

    /** Writes one sentence. */
    void write(String pattern, Object... args) {
        List<List<String>> options = new ArrayList<>();
        String chosen = choose(pattern, options);
        here = new HashSet<>();
        subject = null;
        StringBuilder sentence = new StringBuilder();
        int start = text.length() == 0 ? 0 : text.length() + (fresh ? 2 : 1);
        if (fresh && start > 0) counted.add(new Span(start, start + 1));
        Map<Integer, List<String>> forks = new TreeMap<>(); // by offset in the sentence
        for (int i = 0; i < chosen.length(); i++) {
            char c = chosen.charAt(i);
            if (c >= MARK) forks.put(sentence.length(), options.get(c - MARK));
            if (c >= MARK) continue;
            if (c != '{') {
                sentence.append(c);
                continue;
            }
            int end = chosen.indexOf('}', i);
            Object value = args[chosen.charAt(i + 1) - '1'];
            String form = chosen.substring(i + 2, end);
            int from = sentence.length();
            sentence.append(written(value, form.replace("=", "")));
            boolean isNew = told.add(value instanceof Group g && !form.isEmpty() ? g.many() : value);
            if (!isNew || form.endsWith("=")) determined.add(new Span(start + from, start + sentence.length()));
            note(value, form, start, sentence, from, isNew);
            i = end;
        }
        if (text.length() > 0) text.append(fresh ? "\n\n" : " ");
        fresh = false;
        capitals(sentence);
        forks.forEach((at, all) -> fork(sentence, at, start, all));
        choices.sort(Comparator.comparingInt(choice -> choice.word().from()));
        text.append(sentence);
        sentences++;
        words += sentence.toString().split(" ").length;
        if (subject != null || here.size() > 0) {
            focus = subject;
            before = here;
        }
    }

    /** Records which words of the value just written were drawn from several, and which spans count more. */
    private void note(Object value, String form, int start, StringBuilder sentence, int from, boolean isNew) {
        if (form.endsWith("=")) {
            counted.add(new Span(start + from, start + sentence.length()));
            return;
        }
        for (Matcher m = WORD.matcher(sentence).region(from, sentence.length()); m.find(); ) {
            Span span = new Span(start + m.start(), start + m.end());
            boolean drawn = isNew
                    && WordAlternatives.name(value, m.group())
                            .filter(word -> isSaid(word, sentence, m.start()))
                            .isEmpty();
            List<String> all = drawn ? draws.of(value, m.group(), form.equals("at")) : List.of();
            if (!all.isEmpty()) choices.add(new Choice(span, all));
            boolean again = !isNew && (value instanceof Chant || value instanceof String) && m.start() > from;
            boolean name =
                    drawn && value instanceof Person p && p.named() && m.group().equals(p.name());
            if (again || name || WordAlternatives.isSlot(value, m.group(), form)) counted.add(span);
        }
    }

    private boolean isSaid(String word, StringBuilder sentence, int until) {
        Pattern whole = Pattern.compile("\\b" + word + "\\b");
        return whole.matcher(text).find()
                || whole.matcher(sentence.substring(0, until)).find();
    }

    /** Capitalizes the first letter, and the first one of a quotation. */
    private static void capitals(StringBuilder sentence) {
        boolean open = true;
        boolean quoted = false;
        for (int i = 0; i < sentence.length(); i++) {
            char c = sentence.charAt(i);
            if (open && Character.isLetter(c)) {
                sentence.setCharAt(i, Character.toUpperCase(c));
                open = false;
            }
            if (c == '"') {
                quoted = !quoted;
                // A quotation begins with a capital; ones continued after ", said Ida, " are not written here.
                if (quoted) open = true;
            }
            boolean ends = c == '.' || c == '!' || c == '?';
            if (ends && i + 1 < sentence.length() && sentence.charAt(i + 1) == ' ') open = true;
        }
    }

    /** Records a bracket's options as alternatives, where each begins with a word. */
    private void fork(StringBuilder sentence, int at, int start, List<String> all) {
        Matcher word = WORD.matcher(sentence).region(at, sentence.length());
        if (!word.lookingAt() || !all.stream().allMatch(o -> WORD.matcher(o).lookingAt())) return;
        boolean capital = Character.isUpperCase(sentence.charAt(at));
        List<String> words = all.stream()
                .map(option ->
                        WORD.matcher(option).results().findFirst().orElseThrow().group())
                .map(first -> capital ? Words.capital(first) : first)
                .toList();
        choices.add(new Choice(new Span(start + at, start + word.end()), words));
    }

    /** Resolves the bracketed choices, which may nest; a mark precedes the option chosen in each. */
    private String choose(String pattern, List<List<String>> all) {
        int open;
        String s = pattern;
        while ((open = s.lastIndexOf('[')) >= 0) {
            int close = s.indexOf(']', open);
            String[] options = s.substring(open + 1, close).split("\\|", -1);
            char mark = (char) (MARK + all.size());
            all.add(Stream.of(options)
                    .map(o -> o.replaceAll("[" + MARK + "-\uf8ff]", ""))
                    .toList());
            s = s.substring(0, open) + mark + options[dice.below(options.length)] + s.substring(close + 1);
        }
        return s;
    }

    private String written(Object value, String form) {
        if (value instanceof Person p) return person(p, form);
        if (value instanceof Place p) return form.equals("at") ? p.at() : p.toString();
        if (value instanceof Thing t) {
            return switch (form) {
                case "a" -> Words.a(t.bare());
                case "f" -> "the " + t.bare();
                case "k" -> t.noun();
                default -> t.toString();
            };
        }
        if (value instanceof Group g) {
            return form.equals("k") ? g.many() : form.equals("#") ? Words.number(g.count()) : g.toString();
        }
        if (value instanceof Integer n) return Words.number(n);
        return value.toString();
    }

    private String person(Person p, String form) {
        boolean known = here.contains(p);
        String written =
                switch (form) {
                    case "", "n", ":said", ":asked", ":cried" -> subject(p, form);
                    case "o" -> {
                        boolean clear = alone(p, here) && alone(p, before) && !p.equals(subject);
                        yield clear && (known || before.contains(p)) && dice.chance(0.8) ? p.object() : p.name();
                    }
                    case "'s" -> p.equals(subject) && alone(p, here) ? p.possessive() : p.owner();
                    case "a" -> {
                        if (subject == null) subject = p;
                        yield p.introduced();
                    }
                    case "!" -> p.called();
                    case "p" -> p.name();
                    case "s" -> p.subject();
                    case "k" -> p.kind();
                    default -> throw new IllegalArgumentException("no form " + form);
                };
        here.add(p);
        return written;
    }

    private String subject(Person p, String form) {
        boolean first = subject == null;
        if (first) subject = p;
        boolean clear = first && p.equals(focus) && alone(p, before) && alone(p, here);
        boolean pronoun = !form.equals("n") && clear && dice.chance(0.75);
        String name = pronoun ? p.subject() : p.name();
        if (!form.startsWith(":")) return name;
        String verb = verb(p, form.substring(1));
        return pronoun ? name + " " + verb : verb + " " + name;
    }

    private static boolean alone(Person p, Set<Person> among) {
        for (Person other : among) if (!other.equals(p) && other.she() == p.she()) return false;
        return true;
    }

    /** A shy person whispers. */
    private static String verb(Person p, String verb) {
        return p.trait().equals("shy") && verb.equals("said") ? "whispered" : verb;
    }
}
