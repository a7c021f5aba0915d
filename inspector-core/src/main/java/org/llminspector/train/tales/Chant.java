package org.llminspector.train.tales;

import java.util.List;

/** Chant is words without a meaning, which a story says again and again and always the same: "Zimba tilo manu". */
record Chant(List<String> words) {

    @Override
    public String toString() {
        return Words.capital(String.join(" ", words));
    }
}
