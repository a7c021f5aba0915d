package org.llminspector.spark;

import java.io.Serializable;
import java.util.Map;

/**
 * A sweep as an executor planned it.
 *
 * @param manifest sweep.json
 * @param shared whether the executor sees the driver's folder, and wrote the files there
 * @param files the files' bytes by name, where it is not shared
 */
record Plan(String manifest, boolean shared, Map<String, byte[]> files) implements Serializable {}
