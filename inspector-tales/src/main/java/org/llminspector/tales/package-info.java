/**
 * The project's own corpus of short children's stories, as a recipe's {@code corpus: tales}, and the evaluation of
 * models that were trained on it.
 *
 * <p>Everything that its packages generate is a function of (seed, split, index) and safe on any thread.
 */
package org.llminspector.tales;
