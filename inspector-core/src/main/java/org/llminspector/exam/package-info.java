/**
 * Exam asks a model that learnt from the tales what it can do: how well it tells, answers, prefers, and copies.
 *
 * <p>May import: everything to its left. Every number is made by running the model on held-out stories.
 */
package org.llminspector.exam;
