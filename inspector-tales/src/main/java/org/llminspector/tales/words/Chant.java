package org.llminspector.tales.words;

import java.util.List;

/** Nonsense words that a story repeats verbatim: "Zimba tilo manu". */
public record Chant(List<String> words) {

    @Override
    public String toString() {
        return Words.capital(String.join(" ", words));
    }
}
