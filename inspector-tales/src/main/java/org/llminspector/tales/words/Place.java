package org.llminspector.tales.words;

/** A place with its preposition: "under the bridge". */
public record Place(String preposition, String noun) {

    @Override
    public String toString() {
        return "the " + noun;
    }

    public String at() {
        return preposition + " " + this;
    }
}
