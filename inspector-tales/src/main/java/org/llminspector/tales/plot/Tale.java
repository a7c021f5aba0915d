package org.llminspector.tales.plot;

import java.util.List;
import java.util.Optional;
import org.llminspector.tales.words.Fact;
import org.llminspector.tales.words.Person;
import org.llminspector.tales.words.Place;
import org.llminspector.train.Corpus.Choice;
import org.llminspector.train.Corpus.Span;

/**
 * One story: its text, its characters, and its facts.
 *
 * @param choiceBits cost of the generator's choices: at least the information in the text
 * @param determined spans that follow from the text before, in order
 * @param choices its words drawn from several
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

    /** The first magic words or song, verbatim. */
    public Optional<String> chant() {
        return facts.stream()
                .filter(f -> f.relation() == Fact.Relation.SAID)
                .map(f -> f.what().toString())
                .findFirst();
    }
}
