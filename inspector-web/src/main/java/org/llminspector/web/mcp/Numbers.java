package org.llminspector.web.mcp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.math.MathContext;

/** Numbers short enough for an answer. */
final class Numbers {

    private static final MathContext DIGITS = new MathContext(5);

    private Numbers() {}

    /** Five significant digits. Null for null and for what is no number, which JSON has not. */
    static Double rounded(Double value) {
        if (value == null || !Double.isFinite(value)) return null;
        return new BigDecimal(value).round(DIGITS).doubleValue();
    }

    /** An answer with all its fractions so rounded; a field that is no number is left out. */
    static JsonNode rounded(JsonNode answer) {
        if (answer instanceof ObjectNode object) {
            ObjectNode out = object.objectNode();
            object.properties().forEach(field -> {
                JsonNode value = rounded(field.getValue());
                if (!value.isNull()) out.set(field.getKey(), value);
            });
            return out;
        }
        if (answer instanceof ArrayNode array) {
            ArrayNode out = array.arrayNode();
            array.forEach(value -> out.add(rounded(value)));
            return out;
        }
        if (!answer.isFloatingPointNumber()) return answer;
        Double value = rounded((Double) answer.doubleValue());
        return value == null ? NullNode.instance : DoubleNode.valueOf(value);
    }
}
