package org.llminspector.generate;

import java.util.List;

/**
 * Streaming search for stop strings: ends a text before the one completed first (of two completed at once, the longer),
 * and withholds text that may begin one. The result does not depend on token boundaries.
 */
final class StopStrings {

    private final List<String> stops;
    private final StringBuilder held = new StringBuilder();
    private boolean found;

    StopStrings(List<String> stops) {
        this.stops = stops;
    }

    /** Returns the text that cannot belong to a stop string; "" once one was found. */
    String push(String text) {
        if (found || text.isEmpty()) return "";
        held.append(text);
        int at = firstStop();
        if (at >= 0) {
            found = true;
            return held.substring(0, at);
        }
        int sure = held.length() - undecided();
        String out = held.substring(0, sure);
        held.delete(0, sure);
        return out;
    }

    /** Returns the withheld text when the text ends otherwise. */
    String finish() {
        String rest = found ? "" : held.toString();
        held.setLength(0);
        return rest;
    }

    boolean found() {
        return found;
    }

    private int firstStop() {
        int start = -1;
        int end = Integer.MAX_VALUE;
        for (String stop : stops) {
            int at = held.indexOf(stop);
            if (at < 0) continue;
            int stopEnd = at + stop.length();
            if (stopEnd < end || (stopEnd == end && at < start)) {
                start = at;
                end = stopEnd;
            }
        }
        return start;
    }

    /** Length of the text's longest suffix that is a prefix of a stop string. */
    private int undecided() {
        int longest = 0;
        for (String stop : stops) {
            for (int n = Math.min(stop.length() - 1, held.length()); n > longest; n--) {
                if (held.indexOf(stop.substring(0, n), held.length() - n) >= 0) longest = n;
            }
        }
        return longest;
    }
}
