/**
 * KV caches as values: number formats, shapes and bytes per position, what a session's cache holds, reusable prefixes,
 * and the part of a session's cache that does not depend on the engine.
 */
package org.llminspector.engine.cache;
