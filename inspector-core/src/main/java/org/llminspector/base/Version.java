package org.llminspector.base;

/** Version of the program, from its jar. */
public final class Version {

    public static final String STRING = read();

    private Version() {}

    private static String read() {
        String version = Version.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }
}
