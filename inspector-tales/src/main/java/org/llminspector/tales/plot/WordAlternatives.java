package org.llminspector.tales.plot;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.llminspector.tales.words.Chant;
import org.llminspector.tales.words.Group;
import org.llminspector.tales.words.Person;
import org.llminspector.tales.words.Place;
import org.llminspector.tales.words.Thing;
import org.llminspector.tales.words.Words;

/**
 * The words that a story's word was drawn from, without those already used.
 *
 * @param used words that the story has taken
 * @param places that it has taken, its home first
 */
record WordAlternatives(Set<String> used, List<Place> places) {

    private static final List<List<Group>> SORTS = List.of(Words.FOODS, Words.FINDS, Words.CREATURES);

    /**
     * All equally likely words, its own included; empty where the word was not drawn.
     *
     * @param at whether the place's preposition precedes it, which limits the places to those with that preposition
     */
    List<String> of(Object value, String word, boolean at) {
        return from(value, word, at)
                .filter(w -> w.equals(word) || !used.contains(w))
                .toList();
    }

    private Stream<String> from(Object value, String word, boolean at) {
        if (value instanceof Person p) return person(p, word);
        if (value instanceof Thing t && word.equals(t.noun()))
            return Words.THINGS.stream().map(Thing::noun);
        if (value instanceof Thing t && word.equals(t.adjective())) {
            return Words.THING_ADJECTIVES.stream().filter(w -> isVowel(w) == isVowel(word)); // a or an is fixed
        }
        if (value instanceof Group g && word.equals(g.noun())) {
            return SORTS.stream()
                    .filter(sorts -> sorts.contains(g.of(1)))
                    .flatMap(List::stream)
                    .map(sort -> sort.of(g.count()).noun());
        }
        if (value instanceof Place p && word.equals(p.noun()) && !p.equals(places.get(0))) {
            return Words.PLACES.stream()
                    .filter(other -> !at || other.preposition().equals(p.preposition()))
                    .map(Place::noun);
        }
        return value instanceof Chant c ? magic(c.words(), word) : Stream.empty();
    }

    private static Stream<String> person(Person p, String word) {
        if (!p.named()) return Words.TRADES.contains(word) ? Words.TRADES.stream() : Stream.empty();
        if (word.equals(p.name())) return (p.she() ? Words.GIRLS : Words.BOYS).stream();
        if (word.equals(p.trait())) return Words.TRAITS.stream();
        return Words.ANIMALS.contains(word) ? Words.ANIMALS.stream() : Stream.empty();
    }

    private static boolean isVowel(String word) {
        return Words.a(word).startsWith("an ");
    }

    /** A chant has no repeated words. */
    private static Stream<String> magic(List<String> words, String word) {
        int at = words.indexOf(word.toLowerCase(Locale.ROOT));
        Stream<String> left =
                Words.MAGIC.stream().filter(w -> !words.subList(0, at).contains(w));
        return Character.isUpperCase(word.charAt(0)) ? left.map(Words::capital) : left;
    }

    /** The word that marks a value as already mentioned; empty where the story may draw the same again. */
    static Optional<String> name(Object value, String word) {
        if (value instanceof Thing t) return Optional.of(t.noun());
        boolean again = value instanceof Chant || (value instanceof Person p && word.equals(p.trait()));
        return again ? Optional.empty() : Optional.of(word);
    }

    /** Whether the words before it show that a place or a thing follows, whether new or not. */
    static boolean isSlot(Object value, String word, String form) {
        return (value instanceof Place p && word.equals(p.noun()))
                || (value instanceof Thing t && form.equals("a") && word.equals(t.noun()));
    }
}
