package org.llminspector.train.tales;

/** A number of things of one kind: "seven apples". */
record Group(int count, String one, String many) {

    @Override
    public String toString() {
        return Words.number(count) + " " + noun();
    }

    String noun() {
        return count == 1 ? one : many;
    }

    Group of(int otherCount) {
        return new Group(otherCount, one, many);
    }
}
