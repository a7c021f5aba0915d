/**
 * GPU information from NVIDIA's driver, queried without taking GPU memory.
 *
 * <p>Thread-safe.
 */
package org.llminspector.engine.gpu;
