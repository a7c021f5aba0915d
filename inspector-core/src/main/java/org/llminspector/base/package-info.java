/**
 * Values shared by all packages: {@link org.llminspector.base.Tensor}, {@link org.llminspector.base.Problem}, the JSON
 * mapper, memory and file access.
 *
 * <p>Imports no other package of the project. Everything here is immutable or thread-safe.
 */
package org.llminspector.base;
