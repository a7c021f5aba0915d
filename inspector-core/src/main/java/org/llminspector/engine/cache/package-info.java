/**
 * KV caches as values: number formats, shapes and bytes per position, what a session's cache holds, and reusable
 * prefixes.
 */
package org.llminspector.engine.cache;
