package org.llminspector.train.tales;

/**
 * Thing is one object of a story; no other in the story has its noun.
 *
 * @param adjective its looks, told when it is first seen: "a red kite", then "the kite"
 * @param purpose what somebody needs it for, in their own words: "tie my boat"
 */
record Thing(String adjective, String noun, String purpose) {

    String bare() {
        return adjective + " " + noun;
    }

    @Override
    public String toString() {
        return "the " + noun;
    }
}
