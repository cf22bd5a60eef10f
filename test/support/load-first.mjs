// Jest loads CommonJS while it still links modules: `@fastify/static` then requires this ES module, which has to be there by itself by then.
import 'content-disposition';
