package org.llminspector.web.lesson;

/**
 * How far the making of a lesson is.
 *
 * @param answers answers that have come so far
 * @param leftOut those of them that took too long, which the lesson goes without
 * @param asking the path that is asked now, or the file that is written
 */
public record LessonProgress(int answers, int leftOut, String asking) {}
