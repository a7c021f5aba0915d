package org.llminspector.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.StreamReadConstraints;

/** HostileJson is a JSON parser's settings for text that may be an attack: bounded, and nothing is remembered. */
final class HostileJson {

    /** Does not intern or remember field names, so that a million made-up ones cost nothing afterwards. */
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

    private HostileJson() {}
}
