package org.llminspector.train.tales;

/** A place with its preposition: "under the bridge". */
public record Place(String preposition, String noun) {

    @Override
    public String toString() {
        return "the " + noun;
    }

    String at() {
        return preposition + " " + this;
    }
}
