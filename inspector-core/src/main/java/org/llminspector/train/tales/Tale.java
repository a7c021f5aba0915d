package org.llminspector.train.tales;

import java.util.List;

/**
 * Tale is one story: its text, who is in it, and what is true in it.
 *
 * @param choiceBits what the generator's choices cost: at least the information in the text
 */
record Tale(String text, int words, double choiceBits, List<Person> cast, List<Place> places, List<Fact> facts) {

    Person hero() {
        return cast.get(0);
    }
}
