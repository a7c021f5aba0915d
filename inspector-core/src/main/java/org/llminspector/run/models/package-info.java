/**
 * Opens models: resolves a name to a model's files and the files to an engine that all requests share, and runs one
 * piece of engine work at a time. Invalid requests are refused here, before they wait.
 *
 * <p>Thread-safe.
 */
package org.llminspector.run.models;
