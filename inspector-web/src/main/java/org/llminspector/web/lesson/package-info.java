/** A run as a lesson: the page and its recording as files that need no server. */
package org.llminspector.web.lesson;
