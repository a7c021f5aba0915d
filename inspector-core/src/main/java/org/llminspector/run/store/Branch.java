package org.llminspector.run.store;

/**
 * Branch says that a run begins as another one did: with its first tokens, and then perhaps another token than it had.
 *
 * @param run the other's id
 * @param position how many of its tokens are kept; negative counts from the end, null keeps all
 * @param token what comes next, or null: what is drawn
 * @param generatedFrom where what a model made begins, which penalties count; filled in
 */
public record Branch(String run, Integer position, Integer token, Integer generatedFrom) {}
