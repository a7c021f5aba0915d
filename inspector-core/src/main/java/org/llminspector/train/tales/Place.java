package org.llminspector.train.tales;

/** Place is somewhere in a story, with the word that says how one is there: "under the bridge". */
public record Place(String preposition, String noun) {

    @Override
    public String toString() {
        return "the " + noun;
    }

    String at() {
        return preposition + " " + this;
    }
}
