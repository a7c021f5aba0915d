/** Names in a hub repository: ids, revisions, URLs, folders of the cache and the files that a model needs. */
package org.llminspector.hub.repo;
