package org.llminspector.train.tales;

/**
 * Thing is one object of a story; no other in the story has its noun.
 *
 * @param purpose what somebody needs it for, in their own words: "tie my boat"
 */
record Thing(String adjective, String noun, String purpose) {

    String bare() {
        return adjective + " " + noun;
    }

    @Override
    public String toString() {
        return "the " + bare();
    }
}
