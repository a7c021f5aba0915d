package org.llminspector.tales.words;

/** A number of things of one kind: "seven apples". */
public record Group(int count, String one, String many) {

    @Override
    public String toString() {
        return Words.number(count) + " " + noun();
    }

    public String noun() {
        return count == 1 ? one : many;
    }

    public Group of(int otherCount) {
        return new Group(otherCount, one, many);
    }
}
