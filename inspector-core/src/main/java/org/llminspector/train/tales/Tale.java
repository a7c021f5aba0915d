package org.llminspector.train.tales;

import java.util.List;
import java.util.Optional;
import org.llminspector.train.Corpus.Choice;
import org.llminspector.train.Corpus.Span;

/**
 * Tale is one story: its text, who is in it, and what is true in it.
 *
 * @param choiceBits what the generator's choices cost: at least the information in the text
 * @param determined where the text says what follows from the text before, in order
 * @param choices which of its words were drawn from several
 */
public record Tale(
        String text,
        int words,
        double choiceBits,
        List<Span> determined,
        List<Choice> choices,
        List<Person> cast,
        List<Place> places,
        List<Fact> facts) {

    public Person hero() {
        return cast.get(0);
    }

    /** The first magic words or song, as the text has them. */
    public Optional<String> chant() {
        return facts.stream()
                .filter(f -> f.relation() == Fact.Relation.SAID)
                .map(f -> f.what().toString())
                .findFirst();
    }
}
