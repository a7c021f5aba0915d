/**
 * Evaluation asks a model that learnt from the tales what it can do: how well it tells, answers, prefers, and copies.
 *
 * <p>Every number is made by running the model on held-out stories.
 */
package org.llminspector.evaluation;
