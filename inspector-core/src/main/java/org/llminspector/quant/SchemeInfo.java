package org.llminspector.quant;

/**
 * SchemeInfo describes a scheme.
 *
 * @param definition what it does to a weight, exactly
 * @param bits of one code
 */
public record SchemeInfo(String name, String definition, int bits) {

    public static SchemeInfo of(QuantScheme scheme) {
        return new SchemeInfo(scheme.name(), scheme.definition(), scheme.bits());
    }
}
