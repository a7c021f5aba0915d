package org.llminspector.tales.words;

/**
 * One object of a story; its noun is unique in the story.
 *
 * @param adjective its looks, given at its first mention: "a red kite", then "the kite"
 * @param purpose what a person needs it for, in their own words: "tie my boat"
 */
public record Thing(String adjective, String noun, String purpose) {

    public String bare() {
        return adjective + " " + noun;
    }

    @Override
    public String toString() {
        return "the " + noun;
    }
}
