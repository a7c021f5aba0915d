package org.llminspector.quant;

/**
 * Description of a scheme.
 *
 * @param definition its exact arithmetic
 * @param bits of one code
 */
public record SchemeInfo(String name, String definition, int bits) {

    public static SchemeInfo of(QuantScheme scheme) {
        return new SchemeInfo(scheme.name(), scheme.definition(), scheme.bits());
    }
}
