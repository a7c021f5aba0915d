package org.llminspector.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.StreamReadConstraints;

/** Settings of the JSON parser for untrusted text: bounded sizes and no caching of names. */
final class UntrustedJson {

    /** Does not intern or cache field names, so that a million invented ones leave no memory behind. */
    static final JsonFactory FACTORY = new JsonFactoryBuilder()
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(16)
                    .maxNameLength(4_096)
                    .maxStringLength(16 << 20)
                    .maxNumberLength(40)
                    .build())
            .build();

    private UntrustedJson() {}
}
