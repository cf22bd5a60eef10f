export { type CityView, makeCityNames } from '#platform/pure/city-names.ts';
