/**
 * Run.models opens models: a name becomes a model's files, its files a model on an engine, which everybody shares; and
 * it does one piece of engine work at a time. What is wrong with a request is refused here, before it waits.
 *
 * <p>Safe on any thread.
 */
package org.llminspector.run.models;
