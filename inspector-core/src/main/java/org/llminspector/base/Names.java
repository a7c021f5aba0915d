package org.llminspector.base;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/** Safe display of names from files, and suggestions for misspelled names. */
public final class Names {

    private static final int COMPARED = 200;
    private static final int CANDIDATES = 100_000;

    private Names() {}

    /** The name in quotes, short enough and free of control characters. */
    public static String shown(String name) {
        return Problem.shown(name);
    }

    public static String closestSentence(String name, Collection<String> names) {
        List<String> closest = closest(name, names);
        if (closest.isEmpty()) return "there are no tensors in it";
        return "closest: " + closest.stream().map(Names::shown).collect(Collectors.joining(", "));
    }

    /** The three names with the least edit distance. */
    public static List<String> closest(String name, Collection<String> names) {
        record Candidate(String name, int distance) {}
        String wanted = cut(name);
        List<Candidate> candidates = new ArrayList<>();
        for (String n : names) {
            if (candidates.size() == CANDIDATES) break;
            candidates.add(new Candidate(n, distance(wanted, cut(n))));
        }
        return candidates.stream()
                .sorted(Comparator.comparingInt(Candidate::distance).thenComparing(Candidate::name))
                .limit(3)
                .map(Candidate::name)
                .toList();
    }

    private static String cut(String name) {
        return name.length() > COMPARED ? name.substring(0, COMPARED) : name;
    }

    private static int distance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j <= b.length(); j++) row[j] = j;
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.length(); j++) {
                int above = row[j];
                int change = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
                row[j] = Math.min(Math.min(row[j - 1], above) + 1, diagonal + change);
                diagonal = above;
            }
        }
        return row[b.length()];
    }
}
